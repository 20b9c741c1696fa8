#!/usr/bin/env python3
"""Writes protocol/src/messages/*.rs from Kafka's message definitions.

    generate.py                 fetch the definitions (Maven) and write the files
    generate.py --check         fail if the committed files differ from what would be written
    generate.py --jar FILE      use this kafka-clients jar instead of fetching one

Without the jar (no Maven, no network) --check exits with 75, which the test takes for "cannot be checked here".
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from notes import ABOUT, ANSWERS_BEFORE_THROTTLING, CHANGES  # noqa: E402

VERSION = "4.4.0"
ARTIFACT = f"org.apache.kafka:kafka-clients:{VERSION}"
CRATE = pathlib.Path(__file__).resolve().parent.parent
TARGET = CRATE / "src" / "messages"
CANNOT_CHECK = 75

SCALARS = {
    "bool": "bool", "int8": "i8", "int16": "i16", "uint16": "u16", "int32": "i32", "int64": "i64",
    "float64": "f64", "string": "Str", "uuid": "Uuid", "bytes": "Bytes", "records": "Bytes",
}
KEYWORDS = {"type", "match", "move", "ref", "use", "loop", "where", "self"}
NAMED_NUMBERS = {
    ("i32", 2**31 - 1): "i32::MAX", ("i32", -(2**31)): "i32::MIN",
    ("i64", 2**63 - 1): "i64::MAX", ("i64", -(2**63)): "i64::MIN",
}


class Range:
    """Versions from lo to hi; empty if lo > hi."""

    def __init__(self, lo, hi):
        self.lo, self.hi = lo, hi

    @staticmethod
    def parse(text):
        text = str(text).strip()
        if text == "none":
            return Range(32767, -1)
        if text.endswith("+"):
            return Range(int(text[:-1]), 32767)
        lo, _, hi = text.partition("-")
        return Range(int(lo), int(hi or lo))

    def clip(self, other):
        return Range(max(self.lo, other.lo), min(self.hi, other.hi))

    def union(self, other):
        return Range(min(self.lo, other.lo), max(self.hi, other.hi))

    def empty(self):
        return self.lo > self.hi

    def __eq__(self, other):
        return (self.lo, self.hi) == (other.lo, other.hi)

    def within(self, outer):
        """As an attribute, read beside the versions of the struct around it."""
        if self.hi == outer.hi:
            return f"{self.lo}+"
        return str(self.lo) if self.lo == self.hi else f"{self.lo}-{self.hi}"

    def __str__(self):
        return str(self.lo) if self.lo == self.hi else f"{self.lo}-{self.hi}"


def snake(name):
    name = name.replace("KRaft", "Kraft")
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


class Field:
    def __init__(self, raw, valid):
        self.raw = raw
        self.name = snake(raw["name"])
        self.ident = f"r#{self.name}" if self.name in KEYWORDS else self.name
        self.versions = Range.parse(raw["versions"]).clip(valid)
        self.nullable = Range.parse(raw.get("nullableVersions", "none")).clip(self.versions)
        self.tag = raw.get("tag")
        self.kind = raw["type"]
        self.array = self.kind.startswith("[]")
        self.base = self.kind.removeprefix("[]")
        self.is_struct = self.base not in SCALARS

    def rust_type(self, renamed):
        base = renamed.get(self.base, self.base) if self.is_struct else SCALARS[self.base]
        if self.base == "int16" and self.raw["name"].endswith("ErrorCode"):
            base = "ErrorCode"
        if self.array:
            base = f"Vec<{base}>"
        return base if self.nullable.empty() else f"Option<{base}>"

    def default(self):
        """The attribute's value, or None where it is Rust's own default."""
        value = self.raw.get("default")
        if not self.nullable.empty():
            if value == "null":
                return None
            assert value in (None, ""), self.raw
            return "empty"
        if value in (None, "") or self.is_struct or self.array:
            assert value in (None, ""), self.raw
            return None
        if self.base == "bool":
            return "true" if str(value).lower() == "true" else None
        if self.base in ("string", "bytes", "uuid"):
            raise ValueError(f"no rule for the default of {self.raw}")
        number, kind = int(str(value), 0), SCALARS[self.base]
        if number == 0:
            return None
        if "ErrorCode" in self.rust_type({}):
            return f"ErrorCode({number})"
        return NAMED_NUMBERS.get((kind, number), str(number))


class Struct:
    """A struct to write, with the versions in which something refers to it."""

    def __init__(self, name, fields, versions):
        self.name, self.fields, self.versions = name, fields, versions


class Definition:
    """One JSON file: its own struct first, then those in it, in the order of their use."""

    def __init__(self, raw):
        self.raw, self.name = raw, raw["name"]
        self.valid = Range.parse(raw["validVersions"])
        self.unstable = bool(raw.get("latestVersionUnstable"))
        if self.unstable:
            self.valid = Range(self.valid.lo, self.valid.hi - 1)
        self.flexible = Range.parse(raw["flexibleVersions"]).clip(self.valid)
        self.common = {s["name"]: s["fields"] for s in raw.get("commonStructs", [])}
        self.structs = {}
        self.visit(self.name, raw["fields"], self.valid)

    def visit(self, name, raw_fields, used):
        known = self.structs.get(name)
        used = known.versions.union(used) if known else used
        if known and known.versions == used:
            return
        fields = [Field(raw, used) for raw in raw_fields]
        fields = [field for field in fields if not field.versions.empty()]
        self.structs[name] = Struct(name, fields, used)
        for field in fields:
            if field.is_struct:
                inner = field.raw.get("fields") or self.common[field.base]
                self.visit(field.base, inner, field.versions)


def render_field(field, struct, renamed):
    attributes = []
    if field.tag is not None:
        attributes.append(f"tag = {field.tag}")
    if field.versions != struct.versions:
        attributes.append(f'versions = "{field.versions.within(struct.versions)}"')
    if not field.nullable.empty() and field.nullable != field.versions:
        attributes.append(f'nullable = "{field.nullable.within(field.versions)}"')
    if (default := field.default()) is not None:
        attributes.append(f"default = {default}")
    if field.raw.get("ignorable") and field.versions != struct.versions:
        attributes.append("ignorable")
    lines = [f"    #[kafka({', '.join(attributes)})]"] if attributes else []
    lines.append(f"    pub {field.ident}: {field.rust_type(renamed)},")
    return lines


def render_struct(struct, definition, renamed, request_of=None):
    attributes = []
    if request_of:
        attributes.append(f"api = {request_of}")
    attributes.append(f'versions = "{struct.versions}"')
    if not definition.flexible.empty():
        attributes.append(f'flexible = "{definition.flexible.lo}+"')
    if request_of:
        attributes.append(f"response = {request_of}Response")
    lines = ["#[derive(Message, Clone, Debug, PartialEq)]", f"#[kafka({', '.join(attributes)})]"]
    name = renamed.get(struct.name, struct.name)
    if not struct.fields:
        return lines + [f"pub struct {name} {{}}", ""]
    lines.append(f"pub struct {name} {{")
    for field in struct.fields:
        lines += render_field(field, struct, renamed)
    return lines + ["}", ""]


def quoted(names):
    names = [f"`{name}`" for name in dict.fromkeys(names)]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def plural(phrase):
    """Of the verb in front: "adds" for one message is "add" for two."""
    verb, rest = phrase.split(" ", maxsplit=1)
    return f"{'have' if verb == 'has' else verb.removesuffix('s')} {rest}"


def wire_changes(definition):
    """What each version adds and drops, by comparing the fields' versions: {version: [phrase]}."""
    changes = {}
    for version in range(definition.valid.lo + 1, definition.valid.hi + 1):
        added, dropped, nullable = [], [], []
        for struct in definition.structs.values():
            for field in struct.fields:
                # What a new struct consists of is not news of its own.
                if field.versions.lo == version and struct.versions.lo < version:
                    added.append(field.name)
                if field.versions.hi == version - 1 and struct.versions.hi >= version:
                    dropped.append(field.name)
                if field.nullable.lo == version and field.versions.lo < version:
                    nullable.append(field.name)
        phrases = []
        if added and dropped:
            phrases.append(f"has {quoted(added)} in place of {quoted(dropped)}")
        elif added:
            phrases.append(f"adds {quoted(added)}")
        elif dropped:
            phrases.append(f"drops {quoted(dropped)}")
        if nullable:
            phrases.append(f"lets {quoted(nullable)} be null")
        changes[version] = phrases
    return changes


def opening(api, definitions, key):
    """The `//!` of a file: what it is for, and what changed from version to version."""
    first, valid = definitions[0], definitions[0].valid
    lines = [ABOUT[api], ""]
    if key is None:
        lines.append(f"No request: data inside other messages. Versions {valid}, in front of it as two bytes.")
    else:
        lines.append(f"API key {key}, {'version' if valid.lo == valid.hi else 'versions'} {valid}.")
    per_message = [(d, wire_changes(d)) for d in definitions]
    notes = {int(k): v for k, v in CHANGES.get(api, {}).items()}
    bullets = []
    if valid.lo in notes:
        bullets.append(f"- {valid.lo}: {notes[valid.lo]}.")
    same = []
    for version in range(valid.lo + 1, valid.hi + 1):
        labels = {}
        for definition, changes in per_message:
            label = definition.name.removeprefix(api).lower() if key is not None else definition.name
            for phrase in changes[version]:
                labels.setdefault(phrase, []).append(label)
        phrases = [
            f"the {of[0]} {phrase}" if len(of) == 1 else f"{' and '.join(of)} {plural(phrase)}"
            for phrase, of in labels.items()
        ]
        if first.flexible.lo == version:
            phrases.append("flexible encoding")
        if version in notes:
            phrases.append(notes[version])
        if version == ANSWERS_BEFORE_THROTTLING.get(api):
            phrases.append("the broker answers first and throttles then (KIP-219)")
        if phrases:
            bullets.append(f"- {version}: {'; '.join(phrases)}.")
        else:
            same.append(str(version))
    if same:
        bullets.append(f"- {', '.join(same)}: the same on the wire as the version before.")
    if first.unstable:
        bullets.append(f"- {valid.hi + 1} is not stable in Kafka {VERSION} and left out.")
    if bullets:
        lines += [""] + bullets
    return [f"//! {wrapped}".rstrip() for line in lines for wrapped in wrap(line)]


def wrap(line, width=112):
    indent = "  " if line.startswith("- ") else ""
    out = [""]
    for word in line.split(" "):
        if len(out[-1]) + len(word) + 1 > width and out[-1].strip():
            out.append(indent + word)
        else:
            out[-1] += (" " if out[-1].strip() else "") + word
    return out


def render_file(api, definitions, key):
    counts = {}
    for definition in definitions:
        for name in definition.structs:
            counts[name] = counts.get(name, 0) + 1
    body, types = [], ""
    for definition in definitions:
        # A name that request and response both use is told apart by the message's own name in front.
        renamed = {n: f"{definition.name}{n}" for n in definition.structs if counts[n] > 1}
        for struct in definition.structs.values():
            is_request = key is not None and struct.name == f"{api}Request"
            rendered = render_struct(struct, definition, renamed, api if is_request else None)
            body += rendered
            types += "\n".join(rendered)
    lines = opening(api, definitions, key) + [""]
    if re.search(r"\bBytes\b", types):
        lines += ["use bytes::Bytes;", ""]
    ours = [n for n in ("ErrorCode", "Str", "Uuid") if re.search(rf"\b{n}\b", types)]
    lines += [f"use crate::{{{', '.join(['Message'] + ours)}}};" if ours else "use crate::Message;", ""]
    return "\n".join(lines + body)


def render_mod(apis):
    lines = [
        "//! Kafka's messages: one file per API key, with the request, the response and the structs in them.",
        "//!",
        f"//! The files here are written by `protocol/tools/generate.py` from the definitions in {ARTIFACT}",
        "//! and committed; a test checks that they agree. `internal/` is written by hand.",
        "//!",
        "//! Fields without `versions` exist in every version of their struct. Names are Kafka's own; a struct name that",
        "//! request and response both use carries the message's name in front. In a field that a version lacks, decoding",
        "//! leaves the default, and encoding refuses any other value, unless the field is `ignorable`.",
        "",
    ]
    modules = [(module, None) for _, _, module in apis] + [("consumer_protocol", None), ("internal", None)]
    lines += [f"pub mod {module};" for module, _ in sorted(modules)]
    lines += [
        "",
        "/// Calls a macro with `key Name module Request Response;` for every API.",
        "#[macro_export]",
        "macro_rules! for_each_api {",
        "    ($callback:ident) => {",
        "        $callback! {",
    ]
    lines += [f"            {key} {api} {module} {api}Request {api}Response;" for key, api, module in apis]
    lines += ["        }", "    };", "}", "pub use for_each_api;", ""]
    return "\n".join(lines)


def load_definitions(jar):
    definitions = {}
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if not re.fullmatch(r"common/message/\w+\.json", name):
                continue
            text = archive.read(name).decode()
            text = "\n".join("" if line.lstrip().startswith("//") else line for line in text.split("\n"))
            raw = json.loads(text)
            if raw["validVersions"] != "none":
                definitions[raw["name"]] = raw
    return definitions


def generate(jar):
    """All files, by name."""
    raws = load_definitions(jar)
    files, apis = {}, []
    for name, raw in raws.items():
        if raw["type"] != "request":
            continue
        api = name.removesuffix("Request")
        pair = [Definition(raw), Definition(raws[f"{api}Response"])]
        if pair[0].unstable:
            pair[1] = Definition({**pair[1].raw, "latestVersionUnstable": True})
        assert pair[0].valid == pair[1].valid and pair[0].flexible == pair[1].flexible, api
        apis.append((raw["apiKey"], api, snake(api)))
        files[f"{snake(api)}.rs"] = render_file(api, pair, raw["apiKey"])
    data = [Definition(raws[f"ConsumerProtocol{part}"]) for part in ("Subscription", "Assignment")]
    files["consumer_protocol.rs"] = render_file("ConsumerProtocol", data, None)
    files["mod.rs"] = render_mod(sorted(apis))
    return files


def fetch_jar(directory):
    """The jar through Maven, or None."""
    mvn = shutil.which("mvn")
    if mvn is None:
        return None
    command = [mvn, "-q", "-B", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={directory}"]
    if subprocess.run(command, capture_output=True, cwd=directory, check=False).returncode != 0:
        return None
    return pathlib.Path(directory) / f"kafka-clients-{VERSION}.jar"


def write_formatted(files, directory):
    paths = []
    for name, text in files.items():
        path = pathlib.Path(directory) / name
        path.write_text(text)
        paths.append(str(path))
    # One file at a time would format the modules of mod.rs again and again.
    leaves = [path for path in paths if not path.endswith("mod.rs")]
    config = str(CRATE.parent / "rustfmt.toml")
    subprocess.run(["rustfmt", "--edition", "2024", "--config-path", config, *leaves], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--jar", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        jar = options.jar or fetch_jar(scratch)
        if jar is None:
            print(f"cannot fetch {ARTIFACT}: install Maven and check the network, or pass --jar", file=sys.stderr)
            return CANNOT_CHECK
        files = generate(jar)
        if not options.check:
            TARGET.mkdir(exist_ok=True)
            write_formatted(files, TARGET)
            return 0
        write_formatted(files, scratch)
        different = [
            name for name in files
            if not (TARGET / name).exists() or (TARGET / name).read_text() != (pathlib.Path(scratch) / name).read_text()
        ]
        unknown = [p.name for p in TARGET.glob("*.rs") if p.name not in files]
    for name in different + unknown:
        print(f"protocol/src/messages/{name} is not what generate.py writes", file=sys.stderr)
    return 1 if different or unknown else 0


if __name__ == "__main__":
    sys.exit(main())
