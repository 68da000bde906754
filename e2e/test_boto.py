"""boto3 with default settings, with and without the CRT, over HTTP and HTTPS, against every backend."""

from __future__ import annotations

import contextlib
import hashlib
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from backends import KEY_TESTS
from clients import BOTO_CLIENTS, Boto
from corpus import KEYS, LINE_ENDS, NOT_IN_XML, body_of, key_named
from gateway import Place, direct_mode
from matrix import versioned
from raw_http import fetch
from seeding import MANY, MANY_PREFIX, at_backend, many_keys, read

CLIENTS = BOTO_CLIENTS
PART = 5 * 1024 * 1024

every_key = pytest.mark.parametrize("key", list(KEYS))


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    """Return status and code of an S3 error."""
    response = error.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@contextlib.contextmanager
def removed_after(boto: Boto, place: Place, *keys: str) -> Iterator[None]:
    """Delete objects at the end, so that tests do not see each other's."""
    try:
        yield
    finally:
        for key in keys:
            with contextlib.suppress(ClientError):
                boto.call("delete_object", Bucket=place.bucket, Key=key)


def listed(boto: Boto, place: Place, **parameters: str) -> list[str]:
    """Return all keys that a ListObjectsV2 pagination returns, in its order."""
    pages = boto.pages("list_objects_v2", Bucket=place.bucket, **parameters)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


@every_key
def test_key_round_trip(boto: Boto, place: Place, key: str) -> None:
    """put, head, get, list, copy from, delete: the same bytes; the backend has exactly that key (P01, P02, RN-1)."""
    name, body = key_named(key, len(place.prefix)), body_of(key)
    copy = f"copy of {key}"
    with removed_after(boto, place, name, copy):
        metadata = {"owner": "e2e"}
        put = boto.call("put_object", Bucket=place.bucket, Key=name, Body=body, Metadata=metadata)
        assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        head = boto.call("head_object", Bucket=place.bucket, Key=name)
        assert (head["ContentLength"], head["ETag"], head["Metadata"]) == (len(body), put["ETag"], metadata)
        assert boto.call("get_object", Bucket=place.bucket, Key=name)["Body"] == body
        assert read(place.backend, place.backend_bucket, place.prefix + name) == body
        assert name in listed(boto, place, Prefix=name)
        source = {"Bucket": place.bucket, "Key": name}
        boto.call("copy_object", Bucket=place.bucket, Key=copy, CopySource=source)
        boto.call("delete_object", Bucket=place.bucket, Key=name)
        with pytest.raises(ClientError) as gone:
            boto.call("head_object", Bucket=place.bucket, Key=name)
        assert refusal(gone)[0] == 404
        assert boto.call("get_object", Bucket=place.bucket, Key=copy)["Body"] == body


@every_key
def test_key_presigned(boto: Boto, place: Place, key: str) -> None:
    """A presigned PUT stores and a presigned GET returns, sent by a program that is no S3 client."""
    name, body = key_named(key, len(place.prefix)), body_of(f"presigned {key}")
    target = {"Bucket": place.bucket, "Key": name}
    with removed_after(boto, place, name):
        put = fetch(boto.presign("put_object", target), boto.endpoint.ca, "PUT", body)
        assert (put.status, put.code) == (200, None)
        got = fetch(boto.presign("get_object", target), boto.endpoint.ca)
        assert (got.status, got.body) == (200, body)


@pytest.mark.gateway
def test_key_too_long(boto: Boto, place: Place) -> None:
    """1,024 bytes is the limit at the backend, with the route's prefix counted in."""
    name = key_named("longest", len(place.prefix)) + "x"
    with pytest.raises(ClientError) as error:
        boto.call("put_object", Bucket=place.bucket, Key=name, Body=b"x")
    assert refusal(error) == (400, "KeyTooLongError")


def test_unicode_forms_are_different_keys(boto: Boto, place: Place) -> None:
    """NFC and NFD spellings of one word name two objects."""
    composed, decomposed = KEYS["nfc"], KEYS["nfd"]
    assert unicodedata.normalize("NFC", decomposed) == composed != decomposed
    with removed_after(boto, place, composed, decomposed):
        for name in (composed, decomposed):
            boto.call("put_object", Bucket=place.bucket, Key=name, Body=name.encode())
        assert set(listed(boto, place, Prefix="caf")) == {composed, decomposed}
        for name in (composed, decomposed):
            assert boto.call("get_object", Bucket=place.bucket, Key=name)["Body"] == name.encode()


def test_empty_object(boto: Boto, place: Place) -> None:
    """No byte can be held back in a body of none; metadata of empty objects survives (RS-8)."""
    with removed_after(boto, place, "empty"):
        boto.call("put_object", Bucket=place.bucket, Key="empty", Body=b"", Metadata={"length": "17"})
        got = boto.call("get_object", Bucket=place.bucket, Key="empty")
        assert (got["Body"], got["ContentLength"], got["Metadata"]) == (b"", 0, {"length": "17"})


def test_list_pages(boto: Boto, place: Place) -> None:
    """1,001 keys take two pages; both list versions return all of them, in order, without the route's prefix."""
    assert listed(boto, place, Prefix=MANY_PREFIX) == many_keys()
    first = boto.call("list_objects_v2", Bucket=place.bucket, Prefix=MANY_PREFIX)
    assert (first["Name"], first["Prefix"], first["KeyCount"], first["IsTruncated"]) == (
        place.bucket, MANY_PREFIX, MANY - 1, True,
    )  # fmt: skip
    assert keys_of_version_1(boto, place, MANY_PREFIX) == many_keys()


def keys_of_version_1(boto: Boto, place: Place, prefix: str, page_size: int = 1_000) -> list[str]:
    """Return all keys that a ListObjects (version 1) pagination returns; its marker is the last key of a page."""
    page = {"PageSize": page_size}
    pages = boto.pages("list_objects", Bucket=place.bucket, Prefix=prefix, PaginationConfig=page)
    return [item["Key"] for page in pages for item in page["Contents"]]


def test_list_pages_end_on_nasty_keys(boto: Boto, place: Place) -> None:
    """The last key of a page travels as marker or inside of the token, whatever is in it (RN-1, RN-4)."""
    names = [f"pages/{key_named(key)}" for key in ("cjk", "percent-literal", "plain", "plus", "spaces", "xml")]
    names.sort(key=str.encode)
    with removed_after(boto, place, *names):
        for name in names:
            boto.call("put_object", Bucket=place.bucket, Key=name, Body=b"x")
        pages = boto.pages("list_objects_v2", Bucket=place.bucket, Prefix="pages/", PaginationConfig={"PageSize": 1})
        assert [item["Key"] for page in pages for item in page.get("Contents", [])] == names


def test_list_version_1_pages_end_on_nasty_keys(boto: Boto, place: Place) -> None:
    """The same with version 1, where a wrong marker repeats or leaves out keys (RN-4)."""
    names = [f"pages1/{key_named(key)}" for key in ("plus", "percent-literal", "spaces")]
    names.sort(key=str.encode)
    with removed_after(boto, place, *names):
        for name in names:
            boto.call("put_object", Bucket=place.bucket, Key=name, Body=b"x")
        first = boto.call("list_objects", Bucket=place.bucket, Prefix="pages1/", MaxKeys=2)
        marker = first.get("NextMarker", first["Contents"][-1]["Key"])
        rest = boto.call("list_objects", Bucket=place.bucket, Prefix="pages1/", Marker=marker)
        assert [item["Key"] for page in (first, rest) for item in page["Contents"]] == names


def test_list_parts_of_it(boto: Boto, place: Place) -> None:
    """Small pages, start-after, and a delimiter that folds the 1,001 keys into one common prefix."""
    small = boto.pages(
        "list_objects_v2", Bucket=place.bucket, Prefix=f"{MANY_PREFIX}000", PaginationConfig={"PageSize": 4}
    )
    assert [len(page["Contents"]) for page in small] == [4, 4, 2]
    after = many_keys()[-3]
    assert listed(boto, place, Prefix=MANY_PREFIX, StartAfter=after) == many_keys()[-2:]
    folded = boto.call("list_objects_v2", Bucket=place.bucket, Prefix="man", Delimiter="/")
    assert [entry["Prefix"] for entry in folded["CommonPrefixes"]] == [MANY_PREFIX]
    assert "Contents" not in folded


def test_multipart(boto: Boto, place: Place) -> None:
    """Three parts, one of them copied from an object, listed and completed; the bytes are the parts' bytes."""
    target = {"Bucket": place.bucket, "Key": "multi part+%"}
    first, last, copied = body_of("first part", PART), body_of("last part", 17), body_of("copied part", PART)
    with removed_after(boto, place, target["Key"], "part source"):
        boto.call("put_object", Bucket=place.bucket, Key="part source", Body=copied)
        upload = boto.call("create_multipart_upload", **target, Metadata={"kind": "parts"})
        assert (upload["Bucket"], upload["Key"]) == (place.bucket, target["Key"])
        target["UploadId"] = upload["UploadId"]
        sums = [boto.call("upload_part", **target, PartNumber=1, Body=first)]
        source = {"Bucket": place.bucket, "Key": "part source"}
        sums.append(boto.call("upload_part_copy", **target, PartNumber=2, CopySource=source)["CopyPartResult"])
        sums.append(boto.call("upload_part", **target, PartNumber=3, Body=last))
        parts = boto.call("list_parts", **target)
        assert [part["Size"] for part in parts["Parts"]] == [PART, PART, 17]
        assert (parts["Bucket"], parts["Key"]) == (place.bucket, target["Key"])
        chosen = [{"PartNumber": number, "ETag": part["ETag"]} for number, part in enumerate(sums, 1)]
        done = boto.call("complete_multipart_upload", **target, MultipartUpload={"Parts": chosen})
        assert (done["Bucket"], done["Key"]) == (place.bucket, target["Key"])
        got = boto.call("get_object", Bucket=place.bucket, Key=target["Key"])
        assert got["Body"] == first + copied + last
        assert got["Metadata"] == {"kind": "parts"}


def test_multipart_abort(boto: Boto, place: Place) -> None:
    """An aborted upload is gone, and its parts with it."""
    target = {"Bucket": place.bucket, "Key": "aborted upload"}
    target["UploadId"] = boto.call("create_multipart_upload", **target)["UploadId"]
    boto.call("upload_part", **target, PartNumber=1, Body=b"x")
    boto.call("abort_multipart_upload", **target)
    with pytest.raises(ClientError) as error:
        boto.call("list_parts", **target)
    assert refusal(error) == (404, "NoSuchUpload")


def test_list_of_uploads(boto: Boto, place: Place) -> None:
    """An upload in progress is listed below a prefix, under the client's names and with its upload id."""
    target = {"Bucket": place.bucket, "Key": "uploads/in progress"}
    target["UploadId"] = boto.call("create_multipart_upload", **target)["UploadId"]
    try:
        uploads = boto.call("list_multipart_uploads", Bucket=place.bucket, Prefix="uploads/")
        found = [(upload["Key"], upload["UploadId"]) for upload in uploads.get("Uploads", [])]
        assert (uploads["Bucket"], found) == (place.bucket, [(target["Key"], target["UploadId"])])
    finally:
        boto.call("abort_multipart_upload", **target)


def test_transfer_of_a_file(boto: Boto, place: Place, tmp_path: Path) -> None:
    """The client's own transfer manager: 20 MiB and a byte, up in parts and down in ranges."""
    body = body_of("transferred file", 20 * 1024 * 1024 + 1)
    source, target = tmp_path / "up", tmp_path / "down"
    source.write_bytes(body)
    with removed_after(boto, place, "big/file"):
        boto.upload(source, place.bucket, "big/file")
        boto.download(place.bucket, "big/file", target)
        assert target.read_bytes() == body
        assert read(place.backend, place.backend_bucket, place.prefix + "big/file") == body


def test_ranges(boto: Boto, place: Place) -> None:
    """First byte, a middle, a suffix, an open end; past the end is 416."""
    body = body_of("ranges")
    target = {"Bucket": place.bucket, "Key": "ranges"}
    with removed_after(boto, place, "ranges"):
        boto.call("put_object", **target, Body=body)
        for wanted, piece in {"0-0": body[:1], "10-99": body[10:100], "-7": body[-7:], "2990-": body[2990:]}.items():
            got = boto.call("get_object", **target, Range=f"bytes={wanted}")
            assert (got["ResponseMetadata"]["HTTPStatusCode"], got["Body"]) == (206, piece), wanted
        with pytest.raises(ClientError) as error:
            boto.call("get_object", **target, Range=f"bytes={len(body)}-")
        assert refusal(error) == (416, "InvalidRange")


def test_copy(boto: Boto, place: Place) -> None:
    """A copy keeps or replaces the metadata, and its source may have any name."""
    body, name = body_of("copied"), "source +%é.txt"
    source = {"Bucket": place.bucket, "Key": name}
    with removed_after(boto, place, name, "kept", "replaced"):
        boto.call("put_object", **source, Body=body, Metadata={"kind": "old"})
        boto.call("copy_object", Bucket=place.bucket, Key="kept", CopySource=source)
        boto.call(
            "copy_object", Bucket=place.bucket, Key="replaced", CopySource=source, Metadata={"kind": "new"},
            MetadataDirective="REPLACE",
        )  # fmt: skip
        for key, kind in (("kept", "old"), ("replaced", "new")):
            got = boto.call("get_object", Bucket=place.bucket, Key=key)
            assert (got["Body"], got["Metadata"]) == (body, {"kind": kind})


def tags_of(boto: Boto, target: dict[str, str]) -> dict[str, str]:
    """Return the tags of an object."""
    return {tag["Key"]: tag["Value"] for tag in boto.call("get_object_tagging", **target)["TagSet"]}


def test_tags(boto: Boto, place: Place) -> None:
    """Tags come with an object, are replaced and deleted."""
    target = {"Bucket": place.bucket, "Key": "tagged é+%"}
    with removed_after(boto, place, target["Key"]):
        boto.call("put_object", **target, Body=b"x", Tagging="kind=new&colour=dark%20red")
        assert tags_of(boto, target) == {"kind": "new", "colour": "dark red"}
        boto.call("put_object_tagging", **target, Tagging={"TagSet": [{"Key": "kind", "Value": "old @ 1+1=2/x"}]})
        assert tags_of(boto, target) == {"kind": "old @ 1+1=2/x"}
        boto.call("delete_object_tagging", **target)
        assert tags_of(boto, target) == {}


def test_tags_of_a_copy(boto: Boto, place: Place) -> None:
    """A copy has the tags of its source, or those that it is given."""
    source = {"Bucket": place.bucket, "Key": "tagged source"}
    with removed_after(boto, place, "tagged source", "tagged alike", "tagged anew"):
        boto.call("put_object", **source, Body=b"x", Tagging="kind=source")
        alike, anew = ({"Bucket": place.bucket, "Key": key} for key in ("tagged alike", "tagged anew"))
        boto.call("copy_object", **alike, CopySource=source)
        assert tags_of(boto, alike) == {"kind": "source"}
        boto.call("copy_object", **anew, CopySource=source, TaggingDirective="REPLACE", Tagging="kind=copy")
        assert tags_of(boto, anew) == {"kind": "copy"}


def test_acl_of_an_object(boto: Boto, place: Place) -> None:
    """An ACL shows permissions, and of accounts at the backend nothing but that there is one."""
    target = {"Bucket": place.bucket, "Key": "acl"}
    with removed_after(boto, place, target["Key"]):
        boto.call("put_object", **target, Body=b"x")
        acl = boto.call("get_object_acl", **target)
        assert [grant["Permission"] for grant in acl["Grants"]] == ["FULL_CONTROL"]
        if not direct_mode():
            accounts = (acl["Owner"], acl["Grants"][0]["Grantee"])
            assert {account.get("ID") for account in accounts} <= {"osp", None}, "MinIO has no ids"


def test_attributes(boto: Boto, place: Place) -> None:
    """GetObjectAttributes answers what it is asked for."""
    target = {"Bucket": place.bucket, "Key": "attributes"}
    with removed_after(boto, place, target["Key"]):
        put = boto.call("put_object", **target, Body=b"12345")
        found = boto.call("get_object_attributes", **target, ObjectAttributes=["ETag", "ObjectSize"])
        assert (found["ETag"], found["ObjectSize"]) == (put["ETag"].strip('"'), 5)


@contextlib.contextmanager
def versions_kept(place: Place) -> Iterator[None]:
    """Let the backend keep old versions, and take them away afterwards."""
    server, bucket = at_backend(place.backend), place.backend_bucket
    server.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    try:
        yield
    finally:
        found = server.list_object_versions(Bucket=bucket, Prefix=f"{place.prefix}versions/")
        for version in found.get("Versions", []) + found.get("DeleteMarkers", []):
            server.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


def test_versions(boto: Boto, place: Place) -> None:
    """Versions and delete markers are listed in pages, read, copied from and deleted, under the client's names (D07)."""
    place = versioned(place)
    target, copy = {"Bucket": place.bucket, "Key": "versions/a b&é"}, "versions/copy"
    with versions_kept(place):
        ids = [boto.call("put_object", **target, Body=body)["VersionId"] for body in (b"one", b"two", b"three")]
        marker = boto.call("delete_object", **target)["VersionId"]
        pages = boto.pages(
            "list_object_versions", Bucket=place.bucket, Prefix="versions/", PaginationConfig={"PageSize": 2}
        )
        listed_versions = [(one["Key"], one["VersionId"]) for page in pages for one in page.get("Versions", [])]
        assert listed_versions == [(target["Key"], version) for version in reversed(ids)]
        markers = [(one["Key"], one["VersionId"]) for page in pages for one in page.get("DeleteMarkers", [])]
        assert markers == [(target["Key"], marker)]
        assert boto.call("get_object", **target, VersionId=ids[0])["Body"] == b"one"
        assert boto.call("head_object", **target, VersionId=ids[2])["ContentLength"] == len(b"three")
        with pytest.raises(ClientError) as error:
            boto.call("get_object", **target)
        assert refusal(error) == (404, "NoSuchKey")
        boto.call("copy_object", Bucket=place.bucket, Key=copy, CopySource={**target, "VersionId": ids[1]})
        assert boto.call("get_object", Bucket=place.bucket, Key=copy)["Body"] == b"two"
        boto.call("delete_object", **target, VersionId=marker)
        assert boto.call("get_object", **target)["Body"] == b"three"
        objects = {"Objects": [{"Key": target["Key"], "VersionId": ids[2]}]}
        answer = boto.call("delete_objects", Bucket=place.bucket, Delete=objects)
        assert [(one["Key"], one["VersionId"]) for one in answer["Deleted"]] == [(target["Key"], ids[2])]
        assert boto.call("get_object", **target)["Body"] == b"two"


def test_deleting_a_configuration_leaves_the_bucket(boto: Boto, place: Place) -> None:
    """No backend takes the DELETE of a sub-resource for that of the bucket; what it answers is its business."""
    target = {"Bucket": place.bucket, "Key": "configured/k"}
    with removed_after(boto, place, target["Key"]):
        boto.call("put_object", **target, Body=b"here")
        for what in ("cors", "encryption", "lifecycle", "ownership_controls", "policy", "tagging", "website"):
            with contextlib.suppress(ClientError):
                boto.call(f"delete_bucket_{what}", Bucket=place.bucket)
            assert boto.call("get_object", **target)["Body"] == b"here", what


BATCH_EXCEPTIONS = NOT_IN_XML | LINE_ENDS | {"longest", "longest-segments", "longest-unicode"}


def test_delete_batch(boto: Boto, place: Place) -> None:
    """DeleteObjects removes exactly the named keys, whatever is in the names, and answers with the same names (D03)."""
    unable = {limit.key for limit in place.backend.limitations if limit.test == KEY_TESTS}
    names = [f"batch/{key_named(key)}" for key in KEYS if key not in BATCH_EXCEPTIONS | unable]
    delete_in_a_batch(boto, place, names)


@pytest.mark.parametrize("key", sorted(LINE_ENDS))
def test_delete_batch_of_line_ends(boto: Boto, place: Place, key: str) -> None:
    """An XML parser turns a bare carriage return into a newline: such keys have to be written as references."""
    delete_in_a_batch(boto, place, [f"batch/{key_named(key)}"])


def delete_in_a_batch(boto: Boto, place: Place, names: list[str]) -> None:
    """Put objects, delete all but one of them with one DeleteObjects, and see what is left."""
    for name in [*names, "batch kept"]:
        boto.call("put_object", Bucket=place.bucket, Key=name, Body=b"x")
    with removed_after(boto, place, "batch kept", *names):
        objects = {"Objects": [{"Key": name} for name in names]}
        answer = boto.call("delete_objects", Bucket=place.bucket, Delete=objects)
        assert (sorted(entry["Key"] for entry in answer["Deleted"]), answer.get("Errors", [])) == (sorted(names), [])
        assert listed(boto, place, Prefix="batch") == ["batch kept"]


def test_missing_things(boto: Boto, place: Place) -> None:
    """Codes that clients act on: NoSuchKey, and NoSuchBucket for what no route serves."""
    with pytest.raises(ClientError) as error:
        boto.call("get_object", Bucket=place.bucket, Key="no such key")
    assert refusal(error) == (404, "NoSuchKey")
    with pytest.raises(ClientError) as error:
        boto.call("list_objects_v2", Bucket="no-such-bucket-anywhere")
    assert refusal(error) == (404, "NoSuchBucket")


def test_bucket_itself(boto: Boto, place: Place) -> None:
    """HeadBucket, GetBucketLocation and ListBuckets say what the client may know."""
    boto.call("head_bucket", Bucket=place.bucket)
    assert boto.call("get_bucket_location", Bucket=place.bucket).get("LocationConstraint") in (None, "", "us-east-1")
    names = [bucket["Name"] for bucket in boto.call("list_buckets")["Buckets"]]
    assert place.bucket in names
    if not direct_mode():
        assert names == sorted(names)
        assert place.backend_bucket == place.bucket or place.backend_bucket not in names
