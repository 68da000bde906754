//! The forms of a request: where its credentials stand, and by which front it comes.

use osp_test_support::{BASE_HOST, Request, World};

use crate::model::{BUCKET, FAR_BUCKET, MADE_BUCKET, PREFIX, Principal};
use crate::operations::{Body, Level, Operation};
use crate::signing::Signing;

pub const BOUNDARY: &str = "matrix";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Auth {
    /// `Authorization`, the payload's hash signed.
    Header,
    /// `Authorization`, `UNSIGNED-PAYLOAD`.
    HeaderUnsigned,
    Presigned,
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`.
    Chunked,
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`.
    ChunkedTrailer,
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
    UnsignedTrailer,
    /// A browser's form with a signed policy.
    PostPolicy,
}

impl Auth {
    pub const ALL: [Self; 7] = [
        Self::Header,
        Self::HeaderUnsigned,
        Self::Presigned,
        Self::Chunked,
        Self::ChunkedTrailer,
        Self::UnsignedTrailer,
        Self::PostPolicy,
    ];

    pub const fn streams(self) -> bool {
        matches!(self, Self::Chunked | Self::ChunkedTrailer | Self::UnsignedTrailer)
    }

    /// The literal of a streaming form.
    pub const fn literal(self) -> &'static str {
        match self {
            Self::Chunked => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            Self::ChunkedTrailer => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            _ => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Front {
    Http1Path,
    Http1VirtualHost,
    Http2Path,
    Http2VirtualHost,
}

impl Front {
    pub const ALL: [Self; 4] = [Self::Http1Path, Self::Http1VirtualHost, Self::Http2Path, Self::Http2VirtualHost];

    pub const fn is_http2(self) -> bool {
        matches!(self, Self::Http2Path | Self::Http2VirtualHost)
    }

    pub const fn is_virtual_host(self) -> bool {
        matches!(self, Self::Http1VirtualHost | Self::Http2VirtualHost)
    }

    /// The host of path style.
    fn host(self, world: &World) -> String {
        match self {
            Self::Http1Path => world.host(),
            Self::Http2Path => format!("localhost:{}", world.gateway.https().port()),
            Self::Http1VirtualHost | Self::Http2VirtualHost => BASE_HOST.to_owned(),
        }
    }
}

/// Inside or outside of what the prefix-granted principal may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    Inside,
    Outside,
}

impl Site {
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Inside => PREFIX,
            Self::Outside => "team-b/",
        }
    }

    /// The key, decoded.
    pub fn key(self) -> String {
        format!("{}k 1", self.prefix())
    }

    /// As it stands in a path.
    pub fn encoded_key(self) -> String {
        format!("{}k%201", self.prefix())
    }
}

/// Where the target of a copy lies.
pub const OWN_KEY: &str = "team-a/copied";

/// The request before it is signed.
pub fn draft(world: &World, operation: &Operation, (site, front): (Site, Front), upload: &str) -> Request {
    let key = match operation.level {
        Level::Service | Level::Bucket | Level::Made => String::new(),
        Level::Object => format!("/{}", site.encoded_key()),
        Level::OwnObject | Level::FarObject => format!("/{OWN_KEY}"),
    };
    let base = front.host(world);
    let bucket = match operation.level {
        Level::Made => MADE_BUCKET,
        Level::FarObject => FAR_BUCKET,
        _ => BUCKET,
    };
    let (host, path) = match (operation.level, front.is_virtual_host()) {
        (Level::Service, _) => (base, "/".to_owned()),
        (_, false) => (base, format!("/{bucket}{key}")),
        (_, true) if key.is_empty() => (format!("{bucket}.{base}"), "/".to_owned()),
        (_, true) => (format!("{bucket}.{base}"), key),
    };
    let prefix = site.prefix().replace('/', "%2F");
    let query = operation.query.replace("{prefix}", &prefix).replace("{upload}", upload);
    let mut request = Request::new(operation.method, &host, &path).query(&query);
    "host".clone_into(&mut request.headers[0].0);
    for (name, value) in &operation.headers {
        request = request.header(name, &value.replace("{key}", &site.encoded_key()));
    }
    let body = body(operation.body, site);
    if operation.body == Body::Keys {
        request = request.header("content-md5", &osp_test_support::checksum::md5_base64(&body));
    }
    if body.is_empty() { request } else { request.body(body) }
}

/// What the request carries.
pub fn body(body: Body, site: Site) -> Vec<u8> {
    match body {
        Body::Nothing => Vec::new(),
        // two chunks, so that there is an order to change
        Body::Object => (0..8300_u32).map(|n| (n % 251) as u8).collect(),
        Body::Parts => b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"x\"</ETag></Part></CompleteMultipartUpload>".to_vec(),
        Body::Keys => format!("<Delete><Object><Key>{}</Key></Object></Delete>", site.key()).into_bytes(),
        Body::Document => b"<Any/>".to_vec(),
        Body::Named(name) => format!("<{name}></{name}>").into_bytes(),
    }
}

/// Takes away whatever says who asks.
pub fn strip(request: &mut Request, auth: Auth) {
    request.headers.retain(|(name, _)| name != "authorization");
    let kept: Vec<&str> = request.query.split('&').filter(|pair| !pair.starts_with("X-Amz-")).collect();
    request.query = kept.join("&");
    if auth == Auth::PostPolicy {
        let form = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nteam-a/form\r\n--{BOUNDARY}\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\ncontent\r\n--{BOUNDARY}--\r\n"
        );
        set_body(request, vec![form.into_bytes()]);
    }
}

/// Another body with its length.
pub fn set_body(request: &mut Request, pieces: Vec<Vec<u8>>) {
    let length: usize = pieces.iter().map(Vec::len).sum();
    request.pieces = pieces;
    for (name, value) in &mut request.headers {
        if name == "content-length" {
            *value = length.to_string();
        }
    }
}

/// A whole request of this principal.
pub fn signed(draft: Request, principal: Principal, auth: Auth) -> Request {
    let mut request = Signing::new(principal.key()).sign(draft, auth);
    if principal == Principal::Nobody {
        strip(&mut request, auth);
    }
    request
}
