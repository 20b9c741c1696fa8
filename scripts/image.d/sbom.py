"""What is in the image, as CycloneDX 1.6: the crates and the dashboard's packages that the binary is made of, and Debian's packages.

Crates are those that the package `headrace` needs on this machine's target, by normal dependencies: what build scripts and tests
need is not in the binary. Macro crates count as normal.
"""

import base64
import json
import tomllib
import uuid
from urllib.parse import quote

import debian
from run import output

PACKAGE = "headrace"


def write(path, root, image, debian_packages):
    """Writes the document and says how many components it lists."""
    crates, needs, top = _crates(root)
    others = [*_dashboard(root), *map(debian.component, debian_packages)]
    name, _, tag = image.tag.rpartition(":")
    purl = f"pkg:oci/{quote(name.rpartition('/')[2])}@{quote(image.digest, safe='')}?arch={image.architecture}&tag={quote(tag)}"
    components = sorted([*crates, *others], key=lambda c: c["purl"])
    needs = [*needs, {"ref": purl, "dependsOn": sorted([top, *(c["bom-ref"] for c in others)])}]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, purl)}",
        "version": 1,
        "metadata": {
            "timestamp": image.created,
            "tools": {"components": [{"type": "application", "name": "scripts/image"}]},
            "component": {"type": "container", "bom-ref": purl, "name": name, "version": tag, "purl": purl},
        },
        "components": components,
        "dependencies": sorted(needs, key=lambda d: d["ref"]),
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return len(components)


def _crates(root):
    """The crates as components, who needs whom among them, and the reference of the binary's own."""
    host = next(line.split()[1] for line in output("rustc", "-vV").splitlines() if line.startswith("host:"))
    manifest = ["--locked", "--manifest-path", root / "Cargo.toml"]
    found = json.loads(output("cargo", "metadata", *manifest, "--format-version", "1", "--filter-platform", host))
    # `metadata` also names what only features that nobody turned on would need (SQLite, say); `tree` does not.
    tree = output("cargo", "tree", *manifest, "-p", PACKAGE, "-e", "normal", "--target", host, "--prefix", "none", "--format", "{p}")
    used = {tuple(line.split()[:2]) for line in tree.splitlines()}
    packages = {p["id"]: p for p in found["packages"]}
    normal = {node["id"]: [d["pkg"] for d in node["deps"] if any(k["kind"] is None for k in d["dep_kinds"])]
              for node in found["resolve"]["nodes"]}
    top = next(p["id"] for p in packages.values() if p["name"] == PACKAGE and p["source"] is None)
    reached, waiting = set(), [top]
    while waiting:
        crate = waiting.pop()
        if crate not in reached and (packages[crate]["name"], f"v{packages[crate]['version']}") in used:
            reached.add(crate)
            waiting.extend(normal[crate])
    locked = tomllib.loads((root / "Cargo.lock").read_text())["package"]
    checksums = {(p["name"], p["version"]): p["checksum"] for p in locked if "checksum" in p}
    purls = {i: _crate_purl(packages[i]) for i in reached}
    components = [_crate(packages[i], purls[i], checksums) for i in reached]
    needs = [{"ref": purls[i], "dependsOn": sorted(purls[d] for d in normal[i] if d in reached)} for i in reached]
    return components, needs, purls[top]


def _crate_purl(package):
    purl = f"pkg:cargo/{package['name']}@{quote(package['version'])}"
    # Ours are in no registry.
    return purl if package["source"] else f"{purl}?vcs_url={quote('git+' + package['repository'], safe='')}"


def _crate(package, purl, checksums):
    component = {"type": "library", "bom-ref": purl, "name": package["name"], "version": package["version"], "purl": purl}
    if package["license"]:
        # Crates of old write MIT/Apache-2.0.
        component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if package["source"]:
        component["hashes"] = [{"alg": "SHA-256", "content": checksums[package["name"], package["version"]]}]
    if package["repository"]:
        component["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return component


def _dashboard(root):
    """The packages that the dashboard, which the binary contains, may be bundled from."""
    locked = json.loads((root / "dashboard/package-lock.json").read_text())["packages"]
    found = {}
    for path, package in locked.items():
        if not path or package.get("dev"):
            continue
        name = path.rpartition("node_modules/")[2]
        purl = f"pkg:npm/{quote(name)}@{quote(package['version'])}"
        algorithm, _, digest = package["integrity"].partition("-")
        found[purl] = {
            "type": "library", "bom-ref": purl, "name": name, "version": package["version"], "purl": purl,
            "licenses": [{"expression": package["license"]}],
            "hashes": [{"alg": algorithm.upper().replace("SHA", "SHA-"), "content": base64.b64decode(digest).hex()}],
        }
    return found.values()
