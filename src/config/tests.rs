use osp_controller::kube::WatchMode;

use super::*;
use crate::args::{Cluster, Reading};

fn typed() -> Serve {
    Serve { config_dir: Some("routes".into()), ..Serve::default() }
}

fn file(text: &str) -> File {
    File::parse("osp.yaml", text).unwrap()
}

fn resolve(text: &str) -> Result<Config, Vec<ConfigError>> {
    Config::resolve(&typed(), file(text))
}

fn places(result: Result<Config, Vec<ConfigError>>) -> Vec<String> {
    result.unwrap_err().into_iter().map(|error| error.place).collect()
}

#[test]
fn nothing_but_a_directory_gives_the_documented_defaults() {
    let config = resolve("").unwrap();
    assert_eq!(config.documents, Documents::Directory("routes".into()));
    assert_eq!(config.class, "osp");
    assert_eq!(config.http, Some("0.0.0.0:6190".parse().unwrap()));
    assert_eq!(config.https, None);
    assert_eq!(config.admin, Some("127.0.0.1:9090".parse().unwrap()));
    assert_eq!(config.region, "us-east-1");
    assert_eq!(config.server_name, "osp");
    assert_eq!((config.drain_delay, config.drain_timeout), (Duration::from_secs(5), Duration::from_secs(315)));
    assert_eq!(config.max_attempts, 2);
    assert_eq!(config.credentials.ttl, Duration::from_secs(300));
    assert_eq!(config.credentials.token_endpoint.to_string(), "https://iam.cloud.ibm.com/identity/token");
    let client = [config.client_head_timeout, config.client_stall_timeout, config.client_idle_timeout];
    assert_eq!(client, [10, 60, 60].map(Duration::from_secs));
    assert!(config.threads >= 1 && config.base_hosts.is_empty() && config.trusted_proxies.is_empty());
}

#[test]
fn every_setting_of_the_file_is_understood() {
    let config = resolve(
        "httpListen: '[::1]:80'\nhttpsListen: 127.0.0.1:443\ntlsCert: c.pem\ntlsKey: k.pem\nadminListen: off\n\
         region: eu-de\nbaseHosts: [S3.Example.COM, osp.osp-system.svc]\ntrustedProxies: [10.1.2.3/8, '::1']\n\
         threads: 3\ndrainDelay: 0s\ndrainTimeout: 1m30s\nserverName: gateway-1\nmaxAttempts: 1\n\
         clientHeadTimeout: 1500ms\nclientStallTimeout: 2s\nclientIdleTimeout: 1m\n\
         credentials: {ttl: 0s, tokenEndpoint: 'https://private.iam.cloud.ibm.com/identity/token'}\n",
    )
    .unwrap();
    assert_eq!(config.http, Some("[::1]:80".parse().unwrap()));
    let listen = "127.0.0.1:443".parse().unwrap();
    assert_eq!(config.https, Some(Https { listen, certificate: "c.pem".into(), key: "k.pem".into() }));
    assert_eq!(config.admin, None);
    assert_eq!(config.region, "eu-de");
    assert_eq!(config.base_hosts, ["s3.example.com", "osp.osp-system.svc"]);
    assert_eq!(config.trusted_proxies, ["10.0.0.0/8".parse().unwrap(), "::1/128".parse::<IpNet>().unwrap()]);
    assert_eq!((config.threads, config.max_attempts), (3, 1));
    assert_eq!((config.drain_delay, config.drain_timeout), (Duration::ZERO, Duration::from_secs(90)));
    assert_eq!(config.server_name, "gateway-1");
    assert_eq!(config.credentials.ttl, Duration::ZERO);
    let exchange = "https://private.iam.cloud.ibm.com/identity/token";
    assert_eq!(config.credentials.token_endpoint.to_string(), exchange);
    let client = [config.client_head_timeout, config.client_stall_timeout, config.client_idle_timeout];
    assert_eq!(client, [1500, 2000, 60_000].map(Duration::from_millis));
}

#[test]
fn what_clients_may_take_can_be_shortened_and_not_lengthened() {
    for key in ["clientHeadTimeout", "clientStallTimeout", "clientIdleTimeout"] {
        assert!(resolve(&format!("{key}: 1s")).is_ok(), "{key}");
        for wrong in ["999ms", "0s", "60001ms", "5", "soon"] {
            assert_eq!(places(resolve(&format!("{key}: {wrong}"))), [format!("osp.yaml: {key}")], "{wrong}");
        }
    }
    assert_eq!(places(resolve("clientHeadTimeout: 11s")), ["osp.yaml: clientHeadTimeout"]);
}

#[test]
fn the_rules_for_documents_are_read() {
    let config = resolve(
        "class: blue\nbaseHosts: [S3.Example.com]\nallowedEndpoints: ['minio.svc:9000', '[::1]:80']\n\
         tenancy: {hosts: [{host: s3.example.com, namespaceSelector: {matchLabels: {tenant: a}}}], \
         bucketPatterns: [{pattern: 'team-*', namespaceSelector: {matchLabels: {tenant: b}}}]}\n",
    )
    .unwrap();
    let rules = config.process_rules();
    assert_eq!((rules.class.as_str(), rules.base_hosts.as_slice()), ("blue", &["s3.example.com".to_owned()][..]));
    assert_eq!(rules.hosts[0].host, "s3.example.com");
    assert_eq!(rules.hosts[0].namespaces.match_labels["tenant"], "a");
    let patterns = rules.patterns.unwrap();
    assert_eq!((patterns[0].pattern.as_str(), patterns.len()), ("team-*", 1));
    assert_eq!(patterns[0].namespaces.match_labels["tenant"], "b");
    assert_eq!(config.effective()["tenancy"]["bucketPatterns"][0]["pattern"], "team-*");
    assert_eq!(config.effective()["allowedEndpoints"], serde_json::json!(["minio.svc:9000", "[::1]:80"]));
    assert_eq!(resolve("").unwrap().process_rules(), ProcessRules::default());
    // k_2_4: in a cluster nobody makes a pattern unless the operator says so
    let in_cluster = Serve { config_dir: None, kubernetes: true, ..typed() };
    let config = Config::resolve(&in_cluster, file("watchMode: Cluster")).unwrap();
    assert_eq!(config.process_rules().patterns, Some(Vec::new()));
    let typed = Serve { class: Some("green".to_owned()), ..typed() };
    assert_eq!(Config::resolve(&typed, file("class: blue")).unwrap().class, "green");
}

#[test]
fn law_2_mistakes_in_the_rules_for_documents_are_errors() {
    for (text, place) in [
        ("class: A", "osp.yaml: class"),
        ("allowedEndpoints: [minio]", "osp.yaml: allowedEndpoints[0]"),
        ("tenancy: {host: []}", "osp.yaml: tenancy"),
        ("tenancy: {hosts: [{host: a.b}]}", "osp.yaml: tenancy"),
        (
            "tenancy: {hosts: [{host: a.b, namespaceSelector: {matchLabels: {a: b}}}]}",
            "osp.yaml: tenancy.hosts[0].host",
        ),
        (
            "{baseHosts: [a.b], tenancy: {hosts: [{host: a.b, namespaceSelector: {matchLabels: {}}}]}}",
            "osp.yaml: tenancy.hosts[0].namespaceSelector.matchLabels",
        ),
        (
            "tenancy: {bucketPatterns: [{pattern: team, namespaceSelector: {matchLabels: {a: b}}}]}",
            "osp.yaml: tenancy.bucketPatterns[0].pattern",
        ),
        (
            "tenancy: {bucketPatterns: [{pattern: 'team-*', namespaceSelector: {matchLabels: {}}}]}",
            "osp.yaml: tenancy.bucketPatterns[0].namespaceSelector.matchLabels",
        ),
    ] {
        assert_eq!(places(resolve(text)), [place], "{text}");
    }
}

#[test]
fn a_flag_wins_over_the_file() {
    let typed = Serve { http_listen: Some("127.0.0.1:0".to_owned()), ..typed() };
    let config = Config::resolve(&typed, file("httpListen: 127.0.0.1:1\nadminListen: 127.0.0.1:2")).unwrap();
    assert_eq!(config.http, Some("127.0.0.1:0".parse().unwrap()));
    assert_eq!(config.admin, Some("127.0.0.1:2".parse().unwrap()));
}

#[test]
fn every_mistake_is_reported_at_once_with_its_place() {
    let typed = Serve { http_listen: Some("6190".to_owned()), ..typed() };
    let text = "adminListen: localhost\nregion: EU West\nbaseHosts: [ok.example.com, 'https://x', '10.0.0.1']\n\
                trustedProxies: [10.0.0.0/33]\nthreads: many\ndrainDelay: 5\nmaxAttempts: 0\nserverName: ''\n\
                bucket: data\n";
    assert_eq!(
        places(Config::resolve(&typed, file(text))),
        [
            "osp.yaml: baseHosts[1]",
            "osp.yaml: baseHosts[2]",
            "--http-listen",
            "osp.yaml: adminListen",
            "osp.yaml: region",
            "osp.yaml: trustedProxies[0]",
            "osp.yaml: threads",
            "osp.yaml: drainDelay",
            "osp.yaml: serverName",
            "osp.yaml: maxAttempts",
            "osp.yaml: bucket",
        ]
    );
}

#[test]
fn no_attempts_at_all_would_answer_nothing() {
    assert_eq!(places(resolve("maxAttempts: 0")), ["osp.yaml: maxAttempts"]);
    assert_eq!(places(resolve("maxAttempts: -1")), ["osp.yaml: maxAttempts"]);
    assert_eq!(places(resolve("maxAttempts: 11")), ["osp.yaml: maxAttempts"]);
    assert_eq!(resolve("maxAttempts: 1").unwrap().max_attempts, 1);
}

#[test]
fn one_listener_is_enough_and_none_is_refused() {
    let tls = "tlsCert: c\ntlsKey: k\n";
    assert!(resolve("httpListen: off").is_err());
    assert!(resolve(&format!("httpListen: off\nhttpsListen: off\n{tls}")).is_err());
    let https_only = resolve(&format!("httpListen: off\n{tls}")).unwrap();
    assert_eq!(https_only.http, None);
    assert_eq!(https_only.https.unwrap().listen, "0.0.0.0:8443".parse().unwrap());
}

#[test]
fn https_needs_certificate_and_key_together() {
    assert_eq!(places(resolve("tlsCert: c")), ["--tls-key"]);
    assert_eq!(places(resolve("tlsKey: k")), ["--tls-cert"]);
    assert_eq!(places(resolve("httpsListen: 127.0.0.1:0")), ["--tls-cert", "--tls-key"]);
    assert!(resolve("tlsCert: c\ntlsKey: k").is_ok());
}

#[test]
fn a_file_that_is_no_mapping_is_named() {
    for text in ["- a", "text", "a: [", "region: a\nregion: b"] {
        assert_eq!(File::parse("osp.yaml", text).unwrap_err().place, "osp.yaml", "{text}");
    }
    assert_eq!(File::parse("osp.yaml", "# nothing\n").unwrap().clone(), file(""));
}

#[test]
fn a_missing_file_is_an_error_and_no_file_is_not() {
    let missing = Serve { config: Some("/nonexistent/osp.yaml".into()), ..typed() };
    assert_eq!(Config::read(&missing).unwrap_err()[0].place, "--config");
    assert!(Config::read(&typed()).is_ok());
}

#[test]
fn the_effective_configuration_reads_back_as_a_file() {
    let config = resolve("region: eu-de\nadminListen: off\ndrainDelay: 1m30s\ntlsCert: c\ntlsKey: k").unwrap();
    let again = Config::resolve(&typed(), file(&without_dir(&config))).unwrap();
    assert_eq!(again, config);
}

/// The first YAML block of the page is a settings file that changes nothing.
#[test]
fn the_documented_settings_are_the_defaults() {
    let page = include_str!("../../docs/configuration.md");
    let block = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(block.contains("httpListen:") && block.contains("maxAttempts:"), "{block}");
    assert_eq!(resolve(block).unwrap(), resolve("").unwrap());
    for key in resolve("").unwrap().effective().as_object().unwrap().keys().filter(|key| *key != "configDir") {
        assert!(page.contains(&format!("\n{key}:")) || page.contains(&format!("`{key}`")), "{key} is not documented");
    }
}

#[test]
fn hooks_have_a_directory_and_limits() {
    assert_eq!(resolve("").unwrap().hooks, None);
    let bare = resolve("tlsCert: c\ntlsKey: k\nhooks: {dir: /h}").unwrap();
    let hooks = bare.hooks.clone().unwrap();
    assert_eq!((hooks.in_threads, hooks.timeout, hooks.queue), (false, Duration::from_millis(250), 256));
    assert_eq!(Config::resolve(&typed(), file(&without_dir(&bare))), Ok(bare), "it reads back");
    // the block of the page, which is not what one has without it
    let page = include_str!("../../docs/configuration.md");
    let block = page.split("```yaml\n").nth(2).unwrap().split("```").next().unwrap();
    let documented = resolve(block).unwrap().hooks.unwrap();
    let workers = documented.workers;
    assert_eq!(documented, crate::config::Hooks { dir: "/etc/osp/hooks".into(), workers, ..hooks });
    for (text, place) in [
        ("hooks: {}", "osp.yaml: hooks.dir"),
        ("hooks: {dir: /h, isolation: jail}", "osp.yaml: hooks.isolation"),
        ("hooks: {dir: /h, timeout: 1h}", "osp.yaml: hooks.timeout"),
        ("hooks: {dir: /h, queue: 0}", "osp.yaml: hooks.queue"),
        ("hooks: {dir: /h, memory: 1Ki}", "osp.yaml: hooks.memory"),
        ("hooks: {dir: /h, environment: [A, 2B]}", "osp.yaml: hooks.environment[1]"),
        ("hooks: {dir: /h, keyLookup: a.b}", "osp.yaml: hooks.keyLookup"),
        ("hooks: {dir: /h, more: 1}", "osp.yaml: hooks"),
    ] {
        assert_eq!(places(resolve(text)), [place], "{text}");
    }
    let flag = Serve { hooks_dir: Some("/flag".into()), ..typed() };
    assert_eq!(Config::resolve(&flag, file("hooks: {dir: /h}")).unwrap().hooks.unwrap().dir, Path::new("/flag"));
    assert_eq!(Config::resolve(&flag, file("")).unwrap().hooks.unwrap().dir, Path::new("/flag"));
}

fn without_dir(config: &Config) -> String {
    let mut effective = config.effective();
    effective.as_object_mut().unwrap().remove("configDir");
    effective.to_string()
}

fn cluster(text: &str) -> Result<Config, Vec<ConfigError>> {
    Config::resolve(&Serve { kubernetes: true, ..Serve::default() }, file(text))
}

fn kubernetes(config: Config) -> Kubernetes {
    match config.documents {
        Documents::Kubernetes(cluster) => cluster,
        Documents::Directory(_) => panic!("a directory"),
    }
}

#[test]
fn a_cluster_is_described_by_flags_or_by_the_file() {
    let config = cluster(
        "class: blue\nmode: proxy\nwatchMode: Named\nwatchNamespaces: [team-a, team-b]\nnamespaceLabels: true\n\
         leaseName: mine\nleaseNamespace: system\nkubeconfig: k\nsnapshotDir: /run/osp\ntlsCert: c\ntlsKey: k\n",
    );
    let read = kubernetes(config.clone().unwrap());
    assert_eq!(read.watch, WatchMode::Named(["team-a".to_owned(), "team-b".to_owned()].into()));
    assert_eq!((read.mode, read.namespace_labels, read.lease_name.as_str()), (Mode::Proxy, true, "mine"));
    assert_eq!(read.lease_namespace.as_deref(), Some("system"));
    assert_eq!((read.kubeconfig, read.snapshot_dir), (Some("k".into()), Some("/run/osp".into())));
    assert_eq!(cluster(&config.clone().unwrap().effective().to_string()), config, "it reads back");

    let reading = Reading { watch_mode: Some("Cluster".to_owned()), ..Reading::default() };
    let flags = Cluster { reading, ..Cluster::default() };
    let typed = Serve { kubernetes: true, cluster: flags, ..Serve::default() };
    let read = kubernetes(Config::resolve(&typed, file("class: blue\nwatchMode: Named")).unwrap());
    assert_eq!((read.watch, read.mode), (WatchMode::Cluster, Mode::All));
    assert_eq!(read.lease_name, "osp-blue-leader");
}

#[test]
fn mistakes_about_a_cluster_are_errors() {
    for (text, place) in [
        ("", "--watch-namespaces"),
        ("watchNamespaces: [A]", "osp.yaml: watchNamespaces[0]"),
        ("watchMode: Cluster\nwatchNamespaces: [a]", "--watch-namespaces"),
        ("watchMode: All\nwatchNamespaces: [a]", "osp.yaml: watchMode"),
        ("watchMode: Cluster\nmode: both", "osp.yaml: mode"),
        ("watchMode: Cluster\nleaseName: a_b", "osp.yaml: leaseName"),
        ("watchMode: Cluster\nclass: A", "osp.yaml: class"),
    ] {
        assert_eq!(places(cluster(text)).first().map(String::as_str), Some(place), "{text}");
    }
    assert!(cluster("watchMode: Cluster").is_ok());
}

#[test]
fn a_controller_serves_no_requests() {
    let config = cluster("watchMode: Cluster\nmode: controller").unwrap();
    assert_eq!((config.http, config.https), (None, None));
    let config = cluster("watchMode: Cluster\nmode: proxy").unwrap();
    assert!(config.http.is_some());
}
