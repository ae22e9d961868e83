//! The tokens that are compared.

use std::fmt;

use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, any},
    prop_oneof,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    pools::{self, AUDIENCE, Change, RAW_CLAIMS},
    recipe::{BASES, FORMS, Form, Recipe, SIGNATURES, Signature},
};

/// The settings that both sides have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Settings {
    /// Whether there is a list of authorized parties.
    pub(super) parties: bool,
    /// Whether version 1 is accepted. The SDK has no such setting: it always is.
    pub(super) claims_v1: bool,
    /// Whether there is an audience; then the good tokens have it.
    pub(super) audience: bool,
}

impl Settings {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let of =
            |bits: u8| Self { parties: bits & 1 == 0, claims_v1: bits & 2 == 0, audience: bits & 4 != 0 };
        (0..8).map(of)
    }
}

/// A token, and when and where it is verified.
pub(super) struct Case {
    pub(super) token: String,
    /// Milliseconds after [`NOW`](crate::support::NOW).
    pub(super) clock_ms: i64,
    pub(super) settings: Settings,
    recipe: Recipe,
}

impl Case {
    fn new(mut recipe: Recipe, clock_ms: i64, settings: Settings) -> Self {
        if settings.audience {
            recipe.changes.insert(0, Change::Claim("aud", AUDIENCE.into()));
        }
        Self { token: recipe.token(), clock_ms, settings, recipe }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recipe, clock_ms, settings, .. } = self;
        write!(f, "{recipe:?} at {clock_ms} ms with {settings:?}")
    }
}

/// Around every limit of a token that lives from 10 s before to 60 s after now, with 5 s of skew.
const CLOCKS_MS: [i64; 13] =
    [0, -1, 999, -4_999, -5_000, -5_001, -15_001, 4_999, 5_000, 5_001, 64_999, 65_000, 65_001];

/// Every change there is by itself, on each kind of token that it may matter to.
pub(super) fn one_change_at_a_time() -> Vec<Case> {
    let mut recipes = Vec::new();
    for base in BASES {
        let good = Recipe::good(base);
        let changes = pools::claims().into_iter().chain(pools::headers());
        recipes.extend(changes.map(|change| Recipe { changes: vec![change], ..good.clone() }));
        recipes.extend(RAW_CLAIMS.map(|raw| Recipe { raw: Some(raw), ..good.clone() }));
        recipes.extend(SIGNATURES.map(|signature| Recipe { signature, ..good.clone() }));
        recipes.extend(FORMS.map(|form| Recipe { form, ..good.clone() }));
    }
    let changed = [false, true].into_iter().flat_map(|audience| {
        let settings = Settings { parties: true, claims_v1: true, audience };
        recipes.clone().into_iter().map(move |recipe| Case::new(recipe, 0, settings))
    });
    let good = BASES.into_iter().flat_map(|base| {
        let cases = Settings::all().flat_map(|settings| CLOCKS_MS.map(|clock| (clock, settings)));
        cases.map(move |(clock, settings)| Case::new(Recipe::good(base), clock, settings))
    });
    changed.chain(good).collect()
}

/// Several changes at once; the same ones in each run.
pub(super) fn generated(count: usize) -> Vec<Case> {
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let changes = pools::claims().into_iter().chain(pools::headers()).collect::<Vec<_>>();
    let strategy = (
        select(BASES.to_vec()),
        vec(select(changes), 0..=3),
        option::weighted(0.1, select(RAW_CLAIMS.to_vec())),
        prop_oneof![9 => Just(Signature::Good), 1 => select(SIGNATURES.to_vec())],
        prop_oneof![9 => Just(Form::AsIs), 1 => select(FORMS.to_vec())],
        prop_oneof![6 => Just(0), 2 => select(CLOCKS_MS.to_vec()), 2 => -20_000..70_000_i64],
        (any::<bool>(), prop_oneof![3 => Just(true), 1 => Just(false)], any::<bool>()),
    );
    let case = strategy.prop_map(
        |(base, changes, raw, signature, form, clock_ms, (parties, claims_v1, audience))| {
            let recipe = Recipe { base, changes, raw, signature, form };
            Case::new(recipe, clock_ms, Settings { parties, claims_v1, audience })
        },
    );
    (0..count).map(|_| case.new_tree(&mut runner).unwrap().current()).collect()
}
