# What python-hooks/samples/opa.py asks for: may this client do this?
#
# input: principal, bucket, operation, key, prefix (of a list), keys (of a DeleteObjects, else null)
package osp

decision := {"allow": allow, "keys": keys}

default allow := false

# Something with an object.
allow if {
	permission in {"Read", "Write", "Delete"}
	may(input.key)
}

# A list: everything that it could show must be granted, and nothing of it denied.
allow if {
	permission == "List"
	some granted in prefixes(data.grants.allow)
	startswith(input.prefix, granted)
	every denied in prefixes(data.grants.deny) {
		not startswith(input.prefix, denied)
		not startswith(denied, input.prefix)
	}
}

# Those of a DeleteObjects that may be deleted.
keys := [key |
	permission == "Delete"
	some key in input.keys
	may(key)
]

# A key is text, never a path: `a/../b` is a key below `a/`.
may(key) if {
	some granted in prefixes(data.grants.allow)
	startswith(key, granted)
	every denied in prefixes(data.grants.deny) {
		not startswith(key, denied)
	}
}

# The prefixes of the entries that are about this client, bucket and permission.
prefixes(entries) := {entry.prefix |
	some entry in entries
	entry.principal in {input.principal, "*"}
	entry.bucket == input.bucket
	some about in entry.permissions
	about in {permission, "*"}
}

# Whatever is not here is denied.
permission := "Read" if input.operation in {"GetObject", "HeadObject"}

permission := "List" if input.operation in {"ListObjects", "ListObjectsV2"}

permission := "Write" if {
	input.operation in {
		"PutObject", "PostObject", "CopyObject",
		"CreateMultipartUpload", "UploadPart", "UploadPartCopy",
		"CompleteMultipartUpload", "AbortMultipartUpload", "ListParts",
	}
}

permission := "Delete" if input.operation in {"DeleteObject", "DeleteObjects"}
