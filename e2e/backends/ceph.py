"""Ceph RGW 16.2 from Debian's packages, a whole cluster of one daemon each, all data in memory."""

from __future__ import annotations

import uuid
from pathlib import Path

from backends.base import Backend, Limitation
from canary import BACKEND_HOST, marked
from processes import Child, free_ports, listens, run_checked

NO_TRAILERS = "no trailing checksums before 19.2"
TRAILERS = "https://github.com/ceph/ceph/pull/54856"
CAPS = [word for service in ("mon", "osd", "mgr", "mds") for word in ("--cap", service, "allow *")]


class Ceph(Backend):
    """mon, osd (memstore), mgr and radosgw; it knows its name for virtual-host style."""

    name = "ceph"
    virtual_hosts = True
    trailing_checksums = "Drop"

    limitations = (
        Limitation(
            "test_key_round_trip",
            "RGW encodes only keys, not the prefix, with encoding-type=url: a control character makes the list no XML",
            "https://github.com/ceph/ceph/pull/23371",
            key="control",
        ),
        Limitation(
            "test_list_version_1_pages_end_on_nasty_keys",
            "RGW before 18.2.2 leaves NextMarker unencoded with encoding-type=url",
            "https://github.com/ceph/ceph/pull/54837",
        ),
        Limitation(
            "test_tags_of_a_copy",
            "RGW before 2026 ignores x-amz-tagging-directive",
            "https://github.com/ceph/ceph/pull/70051",
        ),
        Limitation(
            "test_attributes",
            "RGW before Tentacle does not know GetObjectAttributes and answers with the object",
            "https://github.com/ceph/ceph/pull/55259",
        ),
        Limitation(
            "test_multipart_abort",
            "RGW 16 answers NoSuchKey to ListParts of an upload that is gone",
            "https://github.com/seaweedfs/seaweedfs/pull/11081 names it a known variant of Ceph",
        ),
        # 16.2 knows no trailing checksums; OSP drops them (trailingChecksums: Drop).
        *(
            Limitation(
                test, "no trailing checksums before 19.2", TRAILERS, client=client, scheme=scheme, direct_only=True
            )
            for test, client, scheme in (
                ("test_key_round_trip", "boto3*", "https"),
                ("test_unicode_forms_are_different_keys", "boto3*", "https"),
                ("test_empty_object", "boto3*", "https"),
                ("test_list_pages_end_on_nasty_keys", "boto3*", "https"),
                ("test_multipart", "boto3*", "https"),
                ("test_transfer_of_a_file", "boto3*", "https"),
                ("test_transfer_of_a_file", "boto3-crt", "http"),
                ("test_ranges", "boto3*", "https"),
                ("test_copy", "boto3*", "https"),
                ("test_delete_batch*", "boto3*", "https"),
                ("test_high_level_commands", "aws-cli-1", "https"),
                ("test_copy_in_parts", "aws-cli-1", "https"),
                ("test_single_files", "aws-cli-1", "https"),
                ("test_low_level_commands", "aws-cli-1", "https"),
            )
        ),
        Limitation(
            "test_bucket_itself",
            "the location is the zonegroup's name, `default`; OSP answers with its own region",
            "https://docs.ceph.com/en/pacific/radosgw/multisite/",
            direct_only=True,
        ),
    )

    def start(self) -> None:
        """Create the cluster's files, start its four daemons and make the S3 user."""
        self.port, mon_v2, mon_v1 = free_ports(3)
        conf, keyring = self.folder / "ceph.conf", self.folder / "keyring"
        fsid = str(uuid.uuid4())
        addresses = f"v2:127.0.0.1:{mon_v2}/0,v1:127.0.0.1:{mon_v1}/0"
        conf.write_text(self.configuration(fsid, addresses, keyring))
        for part in ("mon", "osd", "mgr"):
            (self.folder / part).mkdir()
        run_checked(
            ["ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"],
            self.folder,
        )
        for entity in ("client.admin", "mgr.x", "client.rgw", "osd.0"):
            run_checked(["ceph-authtool", keyring, "--gen-key", "-n", entity, *CAPS], self.folder)
        monmap = self.folder / "monmap"
        run_checked(
            ["monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", f"[{addresses}]", monmap],
            self.folder,
        )
        run_checked(
            ["ceph-mon", "-c", conf, "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring], self.folder
        )
        self.spawn("mon", ["ceph-mon", "-c", conf, "-f", "-i", "a"]).wait_ready(lambda: listens(mon_v2))
        run_checked(["ceph", "-c", conf, "--connect-timeout", "30", "osd", "create"], self.folder)
        run_checked(["ceph-osd", "-c", conf, "-i", "0", "--mkfs"], self.folder)
        self.spawn("osd", ["ceph-osd", "-c", conf, "-f", "-i", "0"])
        self.spawn("mgr", ["ceph-mgr", "-c", conf, "-f", "-i", "x"])
        self.spawn("rgw", ["radosgw", "-c", conf, "-f", "-n", "client.rgw"]).wait_ready(lambda: listens(self.port))
        run_checked(
            ["radosgw-admin", "-c", conf, "-n", "client.rgw", "user", "create", f"--uid={marked('owner')}",
             f"--display-name={marked('Owner')}",
             f"--access-key={self.keys.access_key}", f"--secret-key={self.keys.secret_key}"], self.folder,
        )  # fmt: skip

    def spawn(self, name: str, command: list[str | Path]) -> Child:
        """Start one daemon in the foreground, so that it is our own child."""
        child = Child(name, command, self.folder)
        self.children.append(child)
        return child

    def configuration(self, fsid: str, addresses: str, keyring: Path) -> str:
        """The cluster's ceph.conf. A few MB need no 5 % of the disk, below which the monitor ends by default."""
        return f"""[global]
fsid = {fsid}
mon host = [{addresses}]
public addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {keyring}
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
osd objectstore = memstore
memstore device bytes = 8589934592
run dir = {self.folder}
admin socket = {self.folder}/$name.asok
log file = {self.folder}/$name.ceph.log
mon data = {self.folder}/mon
mon data avail warn = 0
mon data avail crit = 0
osd data = {self.folder}/osd
mgr data = {self.folder}/mgr
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{self.port}
rgw dns name = {BACKEND_HOST}
"""
