//! What the members of a token are changed to.

use capykeys_testkit::TokenBuilder;
use serde_json::{Value, json};

use crate::support::{NOW, PARTY};

/// Where one is configured, it is this.
pub(super) const AUDIENCE: &str = "https://api.example.com";

/// One change to a good token.
#[derive(Clone, Debug)]
pub(super) enum Change {
    WithoutHeader(&'static str),
    Header(&'static str, Value),
    WithoutClaim(&'static str),
    Claim(&'static str, Value),
}

impl Change {
    pub(super) fn apply(&self, token: TokenBuilder) -> TokenBuilder {
        match self {
            Self::WithoutHeader(name) => token.without_header(name),
            Self::Header(name, value) => token.header(name, value.clone()),
            Self::WithoutClaim(name) => token.without(name),
            Self::Claim(name, value) => token.claim(name, value.clone()),
        }
    }
}

/// Every type that JSON has.
fn any_type() -> Vec<Value> {
    let long = "x".repeat(300);
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("x"),
        json!("\u{e9}\u{0}\n"),
        json!(long),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({"x": "y"}),
    ]
}

fn times() -> Vec<Value> {
    let near = [-66, -65, -64, -10, -6, -5, -4, -1, 0, 1, 4, 5, 6, 60].map(|seconds| json!(NOW + seconds));
    let far =
        [0_i64, 253_402_300_799, 253_402_300_800, 8_640_000_000_000, 8_640_000_000_001, i64::MAX, i64::MIN];
    let odd = [json!(u64::MAX), json!(1e300), json!(NOW.to_string()), json!([NOW]), json!({"at": NOW})];
    let fractions = [0.0, 0.5, 0.999].map(|part| json!(1_800_000_000.0 + part));
    [near.to_vec(), far.map(|time| json!(time)).to_vec(), odd.to_vec(), fractions.to_vec()].concat()
}

fn ids(prefix: &str) -> Vec<Value> {
    let suffixes = ["", "2abc", "2ABC_x", "a b", "a\n", "\u{e9}", "a.b"].map(str::to_owned);
    let lengths = [100, 101].map(|length| "x".repeat(length));
    let mut ids: Vec<_> =
        suffixes.iter().chain(&lengths).map(|suffix| json!(format!("{prefix}{suffix}"))).collect();
    ids.extend([json!("mch_2abc"), json!("2abc"), json!(prefix.to_uppercase() + "2abc")]);
    ids
}

fn roles() -> Vec<Value> {
    let names = [
        "admin",
        "member",
        "org:admin",
        "org:member",
        "org:org:admin",
        "basic_member",
        "Admin",
        "org:",
        "a b",
    ];
    names.map(|name| json!(name)).into_iter().chain(any_type()).collect()
}

fn organizations() -> Vec<Value> {
    let mut objects = vec![
        json!({"id": "org_acme", "rol": "admin", "slg": "acme", "per": "read,manage", "fpm": "3,1"}),
        json!({"id": "org_acme", "rol": "member"}),
        json!({"id": "org_acme", "slg": "acme"}),
        json!({"rol": "admin", "slg": "acme"}),
        json!(["org_acme", "admin"]),
    ];
    objects.extend(ids("org_").into_iter().map(|id| json!({"id": id, "rol": "admin"})));
    objects.extend(roles().into_iter().map(|role| json!({"id": "org_acme", "rol": role})));
    objects.extend(any_type().into_iter().map(|id| json!({"id": id, "rol": "admin"})));
    objects.extend(any_type().into_iter().map(|slug| json!({"id": "org_acme", "rol": "admin", "slg": slug})));
    objects
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<Value> {
    texts.map(|text| json!(text)).to_vec()
}

fn audiences() -> Vec<Value> {
    let lists =
        [json!([AUDIENCE]), json!(["https://api.example.org", AUDIENCE]), json!([AUDIENCE, 1]), json!([""])];
    [texts([AUDIENCE, "https://api.example.com/", "https://api.example.org"]), lists.to_vec()].concat()
}

/// The claims, each with the values that are special to it.
pub(super) fn claims() -> Vec<Change> {
    let parties =
        texts([PARTY, "https://first.example.com", "https://evil.example.com", "https://app.example.com/"]);
    let parties = [parties, vec![json!([PARTY])]].concat();
    let actors = vec![json!({"sub": "user_support"}), json!({"sub": 1})];
    let versions = vec![json!(2), json!(3), json!("1"), json!("2"), json!(2.0), json!([2]), json!(1e9)];
    let pools = [
        (
            "iss",
            texts(["https://clerk.example.com", "https://clerk.example.com/", "https://evil.example.com"]),
        ),
        ("sub", ids("user_")),
        ("sid", ids("sess_")),
        ("exp", times()),
        ("nbf", times()),
        ("iat", times()),
        ("azp", parties),
        ("sts", texts(["active", "pending", "Active", "ended", "pending "])),
        ("v", versions),
        ("o", organizations()),
        ("org_id", ids("org_")),
        ("org_role", roles()),
        ("org_slug", texts(["acme", "a\nb"])),
        ("act", actors),
        ("aud", audiences()),
        ("fva", vec![json!([0, -1])]),
        ("jti", texts(["1"])),
        ("custom", vec![json!("x".repeat(13_000))]),
    ];
    let changes = pools.into_iter().flat_map(|(name, own)| {
        let values = own.into_iter().chain(any_type()).map(move |value| Change::Claim(name, value));
        values.chain([Change::WithoutClaim(name)])
    });
    changes.collect()
}

/// The members of the header, likewise.
pub(super) fn headers() -> Vec<Change> {
    let algorithms = ["RS256", "RS384", "RS512", "PS256", "ES256", "HS256", "none", "None", "rs256"];
    let types = ["JWT", "jwt", "at+jwt", "application/at+jwt", "JOSE"];
    let categories = ["cl_B7d4PD111AAA", "cl_B7d4PD222AAA", "cl_B7d4PD333AAA", "cl_I7d4PD111III", "cl_new"];
    let pools = [
        ("alg", texts(algorithms)),
        ("typ", texts(types)),
        ("cat", texts(categories)),
        ("kid", texts(["ins_1", "ins_2"])),
        ("crit", vec![json!(["exp"]), json!(["b64"])]),
        ("jwk", Vec::new()),
        ("jku", texts(["https://evil.example.com/jwks.json"])),
        ("x5u", texts(["https://evil.example.com/certificate.pem"])),
        ("x5c", vec![json!(["MIIB"])]),
        ("oiat", Vec::new()),
    ];
    let changes = pools.into_iter().flat_map(|(name, own)| {
        let values = own.into_iter().chain(any_type()).map(move |value| Change::Header(name, value));
        values.chain([Change::WithoutHeader(name)])
    });
    changes.collect()
}

/// Members as text, for what no [`Value`] can hold: each replaces the claim of this name, if one
/// is named, and stands at the end.
pub(super) const RAW_CLAIMS: [(Option<&str>, &str); 18] = [
    (None, r#""sub":"user_other""#),
    (None, r#""sub":"user_2abc""#),
    (None, r#""exp":9999999999"#),
    (None, r#""\u0073ub":"user_other""#),
    (None, r#""o":{"id":"org_acme","rol":"member","rol":"admin"}"#),
    (None, r#""x":1,"x":2"#),
    (None, r#""__proto__":{"sub":"user_other","v":1}"#),
    (None, r#""constructor":{"prototype":{"v":1}}"#),
    (None, r#""x":"\ud800""#),
    (None, r#""x":1e400"#),
    (Some("exp"), r#""exp":1800000060.0"#),
    (Some("exp"), r#""exp":18000000.6e2"#),
    (Some("exp"), r#""exp":1e400"#),
    (Some("nbf"), r#""nbf":-0"#),
    (Some("nbf"), r#""nbf":-1e400"#),
    (Some("iat"), r#""iat":1799999999.9999999999"#),
    (Some("v"), r#""v":2.0"#),
    (Some("v"), r#""v":2.0000000000000000001"#),
];
