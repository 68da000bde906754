//! The examples that AWS publishes for S3, down to the hash of the canonical request.

use super::*;

#[test]
fn the_published_s3_examples() {
    for (text, canonical_hash) in examples() {
        let head = head_of(&text);
        let target = target_of(&head);
        let claim = claim(&head, &target).unwrap();
        assert_eq!(claim.access_key().as_str(), ACCESS_KEY);
        let path = head.target().split(|&byte| byte == b'?').next().unwrap();
        let mut string_to_sign = Vec::new();
        claim.string_to_sign(&canonical_path(path).unwrap(), &canonical_query(&target.query), &mut string_to_sign);
        assert_eq!(
            String::from_utf8(string_to_sign).unwrap(),
            format!("AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n{canonical_hash}"),
            "{text}"
        );
        let verified = claim.verify(&[secret_of("alice", SECRET)], at("20130524T001500Z")).unwrap();
        assert_eq!(verified.principal().to_string(), "default/alice");
    }
}

#[test]
fn a_streaming_request_seeds_its_chain() {
    for (literal, with_trailer) in
        [("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", false), ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", true)]
    {
        let draft = Draft::header().with(|draft| {
            draft.fields[1].1 = literal.into();
            draft.payload = literal.into();
        });
        let verified = verify(&draft.by_header()).unwrap();
        let PayloadAuth::SignedChunks { mut chain, trailer } = verified.payload().clone() else { panic!("{literal}") };
        assert_eq!(trailer, with_trailer);
        let scope = claim(&draft.by_header(), &target_of(&draft.by_header())).unwrap().authorization.scope.clone();
        let key = SigningKey::derive(&SecretKey::new(SECRET.to_owned()).unwrap(), &scope);
        let text = format!("AWS4-HMAC-SHA256-PAYLOAD\n{NOON}\n{scope}\n{}\n{EMPTY}\n{EMPTY}", draft.signature(""));
        let empty: [u8; 32] = hex::decode(EMPTY).unwrap().try_into().unwrap();
        chain.prove_chunk(hex::encode(key.sign(text.as_bytes())).as_bytes(), &empty).unwrap();
    }
}

/// AWS "Signature Calculations for the Authorization Header" (single chunk and chunked) and "Using Query Parameters".
fn examples() -> [(String, &'static str); 6] {
    let credential = format!("{ACCESS_KEY}/20130524/us-east-1/s3/aws4_request");
    let host = "Host: examplebucket.s3.amazonaws.com\n";
    let date = "x-amz-date: 20130524T000000Z\n";
    let auth = |signed: &str, signature: &str| {
        format!(
            "Authorization: AWS4-HMAC-SHA256 Credential={credential},SignedHeaders={signed},Signature={signature}\n"
        )
    };
    let empty = format!("x-amz-content-sha256:{EMPTY}\n");
    let get_object = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    let put_object = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    let lifecycle = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    let list = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
    let presigned = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let chunked = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let plain = "host;x-amz-content-sha256;x-amz-date";
    [
        (
            format!(
                "GET /test.txt HTTP/1.1\n{host}Range: bytes=0-9\n{empty}{date}{}",
                auth("host;range;x-amz-content-sha256;x-amz-date", get_object)
            ),
            "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972",
        ),
        (
            format!(
                "PUT /test$file.text HTTP/1.1\n{host}Date: Fri, 24 May 2013 00:00:00 GMT\n{date}x-amz-storage-class: REDUCED_REDUNDANCY\nx-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\n{}",
                auth("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", put_object)
            ),
            "9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d",
        ),
        (
            format!("GET /?lifecycle HTTP/1.1\n{host}{date}{empty}{}", auth(plain, lifecycle)),
            "9766c798316ff2757b517bc739a67f6213b4ab36dd5da2f94eaebf79c77395ca",
        ),
        (
            format!("GET /?max-keys=2&prefix=J HTTP/1.1\n{host}{date}{empty}{}", auth(plain, list)),
            "df57d21db20da04d7fa30298dd4488ba3a2b47ca3a489c74750e0f1e7df1b9b7",
        ),
        (
            format!(
                "GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature={presigned} HTTP/1.1\n{host}",
                credential.replace('/', "%2F")
            ),
            "3bfa292879f6447bbcda7001decf97f4a54dc650c8942174ae0a9121cf58ad04",
        ),
        (
            format!(
                "PUT /examplebucket/chunkObject.txt HTTP/1.1\nHost: s3.amazonaws.com\n{date}x-amz-storage-class:REDUCED_REDUNDANCY\n{}x-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD\nContent-Encoding:aws-chunked\nx-amz-decoded-content-length:66560\nContent-Length:66824\n",
                auth(
                    "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
                    chunked
                )
            ),
            "cee3fed04b70f867d036f722359b0b1f2f0e5dc0efadbc082b76c4c60e316455",
        ),
    ]
}
