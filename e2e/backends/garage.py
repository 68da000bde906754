"""Garage, built once from the Rust registry into the cache folder by run.sh."""

from __future__ import annotations

import secrets

from backends.base import REGION, Backend, Keys, Limitation
from canary import WORD, marked
from processes import Child, free_ports, listens, run_checked
from tools import cached_tool

VERSION = "2.5.0"


class Garage(Backend):
    """A single-node layout with one key that may create buckets."""

    name = "garage"

    limitations = (
        *(
            Limitation(
                test,
                "no object tags, no ACLs, no versions; what it does not know of an object it answers with the object",
                "https://garagehq.deuxfleurs.fr/documentation/reference-manual/s3-compatibility/",
            )
            for test in ("test_tags", "test_tags_of_a_copy", "test_acl_of_an_object", "test_attributes", "test_versions")
        ),
        Limitation(
            "test_copy_in_parts",
            "no object tags: GetObjectTagging, which aws-cli 2 calls before a copy in parts, is not implemented",
            "https://garagehq.deuxfleurs.fr/documentation/reference-manual/s3-compatibility/",
            client="aws-cli-2",
        ),
        Limitation(
            "test_key_round_trip",
            "every slash before a key is removed",
            "crate garage_api_common 2.5.0, helpers.rs, parse_bucket_key",
            key="leading-slash",
            naming="plain",
        ),
        Limitation(
            "test_delete_batch_of_line_ends",
            "a carriage return is written raw into the answer, where XML makes it a newline",
            "crate garage_api_s3 2.5.0, xml.rs (serialised by quick-xml)",
            key="carriage-return",
            direct_only=True,
        ),
    )

    def start(self) -> None:
        """Start the node, wait for its layout and import the suite's key."""
        self.keys = Keys(f"GK{WORD}{secrets.token_hex(6)}", WORD + secrets.token_hex(26))
        self.port, rpc, admin = free_ports(3)
        program = cached_tool("garage", f"garage-{VERSION}/bin/garage")
        configuration = self.folder / "garage.toml"
        configuration.write_text(
            f'metadata_dir = "{self.folder}/meta"\ndata_dir = "{self.folder}/data"\ndb_engine = "sqlite"\n'
            f'replication_factor = 1\nrpc_bind_addr = "127.0.0.1:{rpc}"\nrpc_public_addr = "127.0.0.1:{rpc}"\n'
            f'rpc_secret = "{secrets.token_hex(32)}"\n'
            f'[s3_api]\ns3_region = "{REGION}"\napi_bind_addr = "127.0.0.1:{self.port}"\n'
            f'[admin]\napi_bind_addr = "127.0.0.1:{admin}"\n'
        )
        command = [program, "-c", configuration]
        child = Child("garage", [*command, "server", "--single-node"], self.folder)
        self.children.append(child)
        child.wait_ready(lambda: listens(self.port))
        importing = ["key", "import", "--yes", "-n", marked("owner"), self.keys.access_key, self.keys.secret_key]
        run_checked([*command, *importing], self.folder)
        run_checked([*command, "key", "allow", "--create-bucket", self.keys.access_key], self.folder)
