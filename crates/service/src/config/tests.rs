use std::{collections::HashMap, io::Write};

use super::*;

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut path = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    path.write_all(file.as_bytes()).unwrap();
    let variables: HashMap<String, String> =
        environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Config::layered(Some(path.path()), variables, &[])
}

#[test]
fn without_anything_the_embedded_store_is_served_on_loopback() {
    let config = load("", &[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.store.kind, "sqlite");
    assert_eq!(config.keys.prefix, "capy_live_");
}

#[test]
fn the_environment_goes_before_the_file() {
    let file = "[server]\nlisten = '127.0.0.1:1'\nworkers = 3\n";
    let config = load(file, &[("CAPYKEYS__SERVER__LISTEN", "127.0.0.1:2")]).unwrap();
    assert_eq!((config.server.listen.port(), config.server.workers.get()), (2, 3));
}

#[test]
fn misspelt_keys_are_refused_by_name() {
    let unknown = [
        load("[server]\nlistne = '127.0.0.1:1'\n", &[]),
        load("[sever]\nlisten = '127.0.0.1:1'\n", &[]),
        load("", &[("CAPYKEYS__KEYS__PEPER", "x")]),
    ];
    for (result, name) in unknown.into_iter().zip(["listne", "sever", "peper"]) {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn of_a_misspelt_key_the_nearest_is_said() {
    for (file, said) in [
        ("[server]\nlistne = 1\n", "there is no setting `server.listne`: did you mean `server.listen`?"),
        ("[sever]\nlisten = 1\n", "there is no setting `sever`: did you mean `server`?"),
        (
            "[clerk.instances.a]\nisuer = 1\n",
            "`clerk.instances.a.isuer`: did you mean `clerk.instances.a.issuer`?",
        ),
        ("[server]\ndrian_ms = 1\n", "`server.drian_ms`: did you mean `server.drain`?"),
        ("[log]\nzzz = 1\n", "there is no setting `log.zzz`, but there are `format`, `level`"),
    ] {
        let error = load(file, &[]).unwrap_err().to_string();
        assert!(error.ends_with(said), "{error}");
    }
}

#[test]
fn a_setting_may_have_the_name_that_it_had_with_its_unit() {
    let file = "[server]\ndrain_ms = 1500\n[clerk.instances.a]\nissuer = 'https://a.example'\n\
                max_lifetime_seconds = '90'\n[audit]\nkeep_days = 7\n";
    let config = load(file, &[]).unwrap();
    assert_eq!(config.server.drain, Period::millis(1_500));
    assert_eq!(config.clerk.instances["a"].max_lifetime, Period::millis(90_000));
    assert_eq!(config.audit.keep, Some(Period::days(7)));
}

#[test]
fn the_environment_goes_before_the_file_whichever_name_each_uses() {
    for (file, name, value) in [
        ("drain_ms = 1", "CAPYKEYS__SERVER__DRAIN", "2ms"),
        ("drain = '1ms'", "CAPYKEYS__SERVER__DRAIN_MS", "2"),
    ] {
        let config = load(&format!("[server]\n{file}\n"), &[(name, value)]).unwrap();
        assert_eq!(config.server.drain, Period::millis(2), "{file}");
    }
    let error = load("[server]\ndrain_ms = 1\ndrain = '1ms'\n", &[]).unwrap_err().to_string();
    assert!(error.contains("`server.drain_ms` is now called `server.drain`"), "{error}");
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let misplaced = [
        load("[keys]\npepper = hush\n", &[]),
        load("[keys]\npepper = 'hush\n", &[]),
        load("keys = 'hush'\n", &[]),
        load("", &[("CAPYKEYS__KEYS", "hush")]),
        load("", &[("CAPYKEYS__POSTGRES", "postgres://u:hush@h/d")]),
        load("", &[("CAPYKEYS__KEYS__OLDER_PEPPERS__A", "hush")]),
        load("", &[("CAPYKEYS__SERVER__WORKERS", "hush")]),
        load("", &[("CAPYKEYS__SERVER__LISTEN", "hush")]),
        load("", &[("CAPYKEYS__STORE__KIND", "hush")]),
    ];
    for (index, result) in misplaced.into_iter().enumerate() {
        let error = result.unwrap_err().to_string();
        assert!(!error.contains("hush") && !error.contains('\n'), "{index}: {error}");
    }
}

#[test]
fn a_mistake_in_the_file_is_told_by_its_place() {
    let error = load("[server]\n\nlisten = = 1\n", &[]).unwrap_err().to_string();
    assert!(error.contains("line 3"), "{error}");
}

#[test]
fn secrets_of_digits_stay_texts() {
    let digits = "1".repeat(64);
    let config = load("", &[("CAPYKEYS__KEYS__PEPPER", &digits)]).unwrap();
    assert_eq!(config.keys.pepper.unwrap().expose(), digits);
}

#[test]
fn clerk_instances_can_be_set_from_the_environment() {
    let config = load(
        "",
        &[
            ("CAPYKEYS__CLERK__INSTANCES__DEV__ISSUER", "https://dev.example"),
            ("CAPYKEYS__CLERK__INSTANCES__DEV__JWKS_URL", "https://dev.example/jwks"),
            ("CAPYKEYS__CLERK__INSTANCES__DEV__AUTHORIZED_PARTIES", "https://a.example, https://b.example"),
        ],
    )
    .unwrap();
    assert_eq!(config.clerk.instances["dev"].authorized_parties, ["https://a.example", "https://b.example"]);
}

#[test]
fn roles_can_be_set_in_the_file_and_from_the_environment() {
    let file = "[clerk.roles]\n'org:billing' = ['projects:read']\n";
    let environment =
        [("CAPYKEYS__CLERK__ROLES__GUEST", "jobs:read, schema:read"), ("CAPYKEYS__CLERK__OTHER_ROLES", "")];
    let config = load(file, &environment).unwrap();
    let table = config.role_table(&config.catalogue().unwrap()).unwrap();
    let rows: Vec<_> =
        table.rows().iter().map(|(role, scopes)| (role.as_str(), scopes.iter().len())).collect();
    assert_eq!(rows, [("org:admin", 1), ("org:billing", 1), ("org:guest", 2)]);
    assert_eq!(table.others().iter().len(), 0);
}

#[test]
fn no_query_of_a_url_is_printed() {
    let file = "[internal]\ncallers = 'token'\n[internal.token]\nissuer = 'https://issuer.example'\n\
                audience = 'capykeys'\njwks_url = 'https://issuer.example/jwks?token=hush'\n\
                [clerk.instances.a]\nissuer = 'https://clerk.example'\n\
                jwks_url = 'https://clerk.example/jwks?token=hush'\n";
    let printed = toml::to_string(&load(file, &[]).unwrap()).unwrap();
    assert!(printed.contains("https://clerk.example/jwks?redacted"), "{printed}");
    assert!(!printed.contains("hush"), "{printed}");
}

#[test]
fn neither_debug_nor_the_printed_form_shows_a_secret() {
    let file = "[store]\nkind = 'postgres'\n[keys]\npepper = 'hush-pepper'\n[keys.older_peppers.a]\nsecret = 'hush-older'\n\
                [postgres]\nurl = 'postgres://u:hush-password@h/d'\n";
    let config = load(file, &[]).unwrap();
    for text in [format!("{config:?}"), toml::to_string(&config).unwrap()] {
        assert!(!text.contains("hush"), "{text}");
    }
}
