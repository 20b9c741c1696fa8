"""What dpkg knows of this machine's packages: whose a file is, which version, under which terms."""

import platform
import re
from pathlib import Path
from urllib.parse import quote

from run import output


def architecture():
    """Debian's name for it, which for amd64 and arm64 is an image's too."""
    return output("dpkg", "--print-architecture")


def package_of(path):
    return output("dpkg-query", "-S", path).split(":")[0]


def copyright_of(package):
    return Path(f"/usr/share/doc/{package}/copyright").read_text()


def licences_named_in(text):
    """The texts that a copyright file refers to instead of repeating them."""
    return sorted(set(re.findall(r"/usr/share/common-licenses/[\w.-]*\w", text)))


def component(package):
    """The package as a component of a CycloneDX document."""
    version, arch = output("dpkg-query", "-W", "-f=${Version} ${Architecture}", package).split()
    system = platform.freedesktop_os_release()
    purl = f"pkg:deb/{system['ID']}/{quote(package)}@{quote(version)}?arch={arch}&distro={system['ID']}-{system['VERSION_ID']}"
    return {"type": "library", "bom-ref": purl, "name": package, "version": version, "purl": purl}
