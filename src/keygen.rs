//! `osp keygen`: an access key for a new client, as documents.

use osp_controller::is_label;
use ring::rand::{SecureRandom, SystemRandom};

use crate::args::Keygen;
use crate::{ConfigError, Failure};

/// As many as AWS' key ids have.
const KEY_ID_CHARS: usize = 20;
/// As many as AWS' secrets have: 238 bits.
const SECRET_CHARS: usize = 40;
/// 32 of them, none of which looks like another one.
const KEY_ID_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// No `/` and no `+`: too much software forgets to encode them.
const SECRET_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Longest name of an identity, so that the name of its Secret (`-key` longer) is one, too.
const LONGEST_NAME: usize = 249;

/// A `Secret` with a new pair and the `ClientIdentity` that it belongs to, as YAML, ready for `kubectl apply -f -` or for
/// a file in the directory of documents.
///
/// # Errors
/// [`Failure::Config`] for names that Kubernetes would refuse; [`Failure::Serve`] when the system gives no random bytes.
pub fn keygen(typed: &Keygen) -> Result<String, Failure> {
    let Keygen { name, namespace, class } = typed;
    let mut errors = Vec::new();
    let mut wrong = |place: &str, reason: &str| {
        errors.push(ConfigError { place: place.to_owned(), reason: reason.to_owned() });
    };
    if name.len() > LONGEST_NAME || !name.split('.').all(|part| is_label(part, LONGEST_NAME)) {
        wrong("--name", "must be 1 to 249 of a-z 0-9 - . with letters or digits at both ends of each part");
    }
    for (place, label) in [("--namespace", Some(namespace)), ("--class", class.as_ref())] {
        if label.is_some_and(|label| !is_label(label, 63)) {
            wrong(place, "must be 1 to 63 of a-z 0-9 -, with a letter or digit at both ends");
        }
    }
    if !errors.is_empty() {
        return Err(Failure::Config(errors));
    }
    let random = SystemRandom::new();
    let key_id = text(&random, KEY_ID_ALPHABET, KEY_ID_CHARS)?;
    let secret = text(&random, SECRET_ALPHABET, SECRET_CHARS)?;
    let class = class.as_ref().map_or_else(String::new, |class| format!("  className: {class:?}\n"));
    // Every value is quoted: "1e3" and "null" are names, too.
    Ok(format!(
        "apiVersion: v1\n\
         kind: Secret\n\
         metadata:\n\
         \x20 name: \"{name}-key\"\n\
         \x20 namespace: {namespace:?}\n\
         \x20 labels:\n\
         \x20   osp.flexworks.eu/watch: \"true\"\n\
         stringData:\n\
         \x20 AWS_ACCESS_KEY_ID: {key_id:?}\n\
         \x20 AWS_SECRET_ACCESS_KEY: {secret:?}\n\
         ---\n\
         apiVersion: osp.flexworks.eu/v1alpha1\n\
         kind: ClientIdentity\n\
         metadata:\n\
         \x20 name: {name:?}\n\
         \x20 namespace: {namespace:?}\n\
         spec:\n\
         {class}\
         \x20 accessKey:\n\
         \x20   secretRefs:\n\
         \x20   - name: \"{name}-key\"\n"
    ))
}

/// Characters of the alphabet, each as likely as the others: bytes beyond the last whole round are drawn anew.
fn text(random: &SystemRandom, alphabet: &[u8], length: usize) -> Result<String, Failure> {
    let rounds = 256 / alphabet.len();
    let mut out = String::with_capacity(length);
    while out.len() < length {
        let mut bytes = [0; 64];
        random.fill(&mut bytes).map_err(|_| Failure::Serve("the system gives no random bytes".to_owned()))?;
        let fair = bytes.into_iter().map(usize::from).filter(|byte| *byte < rounds * alphabet.len());
        let drawn = fair.filter_map(|byte| alphabet.get(byte % alphabet.len())).map(|byte| char::from(*byte));
        out.extend(drawn.take(length - out.len()));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use osp_core::access::Principal;
    use osp_core::model::{ObjectName, ProcessRules};
    use osp_core::sigv4::AccessKeyId;
    use osp_core::table::compile;
    use osp_test_support::documents::ConfigDir;

    use super::*;

    fn typed(name: &str, namespace: &str) -> Keygen {
        Keygen { name: name.to_owned(), namespace: namespace.to_owned(), class: None }
    }

    fn key_id(yaml: &str) -> String {
        let document = yaml.split("---\n").next().unwrap();
        let value: serde_json::Value = serde_yaml::from_str(document).unwrap();
        assert_eq!(value["metadata"]["labels"]["osp.flexworks.eu/watch"], "true");
        assert_eq!(value["stringData"]["AWS_SECRET_ACCESS_KEY"].as_str().unwrap().len(), SECRET_CHARS);
        value["stringData"]["AWS_ACCESS_KEY_ID"].as_str().unwrap().to_owned()
    }

    #[test]
    fn k_api_7_what_it_prints_is_a_client_that_may_sign_at_once() {
        for (name, namespace) in [("spark", "team-a"), ("1e3.null", "0")] {
            let yaml = keygen(&typed(name, namespace)).unwrap();
            let dir = ConfigDir::default();
            dir.write("client.yaml", &yaml);
            assert!(osp_controller::check(dir.path(), &ProcessRules::default()).is_clean(), "{yaml}");
            let loaded = osp_controller::load(dir.path(), &ProcessRules::default()).unwrap();
            let table = compile(&loaded.snapshot).table;
            let holders = table.secrets(&AccessKeyId::parse(&key_id(&yaml)).unwrap());
            assert_eq!(holders[0].principal, Principal::new(ObjectName::new(namespace, name)));
            assert_eq!(key_id(&yaml).len(), KEY_ID_CHARS);
        }
    }

    #[test]
    fn no_two_keys_are_alike_and_a_class_is_written() {
        let keys: std::collections::BTreeSet<String> =
            (0..50).map(|_| key_id(&keygen(&typed("a", "b")).unwrap())).collect();
        assert_eq!(keys.len(), 50);
        let blue = Keygen { class: Some("blue".to_owned()), ..typed("a", "b") };
        assert!(keygen(&blue).unwrap().contains("className: \"blue\"\n"));
    }

    #[test]
    fn names_that_kubernetes_refuses_are_refused_all_at_once() {
        let Err(Failure::Config(errors)) =
            keygen(&Keygen { class: Some("-".to_owned()), ..typed("A\"\nkind: x", "a.b") })
        else {
            panic!()
        };
        let places: Vec<&str> = errors.iter().map(|error| error.place.as_str()).collect();
        assert_eq!(places, ["--name", "--namespace", "--class"]);
    }
}
