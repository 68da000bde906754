use osp_core::sigv4::SecretKey;

fn look(secret: &SecretKey) -> &str {
    secret.expose()
}

fn main() {
    let _ = look;
}
