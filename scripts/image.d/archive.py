"""One image of one layer as one file that everybody reads.

The file is what `docker save` has written since Docker 25: an OCI layout (oci-layout, index.json, blobs/) and, beside it, the
manifest.json of older Dockers, both naming the same blobs. containerd looks at the layout alone where there is one, so it imports
the image once, under the name in the annotations. The layer is gzipped: every reader of either format unpacks that.
"""

import gzip
import hashlib
import io
import json
import tarfile
from datetime import datetime, timezone

MEDIA = "application/vnd.oci.image."


def timestamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_full_name(tag):
    """Whether a tag says at which host the image is. What it means without differs from tool to tool."""
    host, slash, _ = tag.partition("/")
    return bool(slash) and ("." in host or ":" in host or host == "localhost")


def _json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Image:
    def __init__(self, tag, architecture, created, layer, config):
        self.tag, self.architecture, self.created = tag, architecture, created
        self.files = {}
        platform = {"architecture": architecture, "os": "linux"}
        config_blob = self._blob("config.v1+json", _json({
            **platform,
            "created": created,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
            "history": [{"created": created, "created_by": "scripts/image"}],
        }))
        layer_blob = self._blob("layer.v1.tar+gzip", gzip.compress(layer, 9, mtime=0))
        manifest = self._blob("manifest.v1+json", _json({
            "schemaVersion": 2, "mediaType": f"{MEDIA}manifest.v1+json", "config": config_blob, "layers": [layer_blob],
        }))
        self.digest = manifest["digest"]
        self.files["oci-layout"] = _json({"imageLayoutVersion": "1.0.0"})
        self.files["index.json"] = _json({
            "schemaVersion": 2,
            "mediaType": f"{MEDIA}index.v1+json",
            "manifests": [{**manifest, "platform": platform, "annotations": {
                "io.containerd.image.name": tag,
                "org.opencontainers.image.ref.name": tag.rpartition(":")[2],
            }}],
        })
        self.files["manifest.json"] = _json([
            {"Config": _path(config_blob), "RepoTags": [tag], "Layers": [_path(layer_blob)]},
        ])

    def _blob(self, kind, content):
        descriptor = {"mediaType": MEDIA + kind, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}
        self.files[_path(descriptor)] = content
        return descriptor

    def write(self, path):
        """Writes the archive and says how many bytes it has."""
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, content in sorted(self.files.items()):
                header = tarfile.TarInfo(name)
                header.size = len(content)
                tar.addfile(header, io.BytesIO(content))
        return path.stat().st_size


def _path(descriptor):
    return f"blobs/{descriptor['digest'].replace(':', '/')}"
