//! The verifier as its callers see it.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod fuzz_corpus;
#[cfg(test)]
mod header;
#[cfg(test)]
mod http_fetcher;
#[cfg(test)]
mod instances;
#[cfg(test)]
mod key_cache;
#[cfg(test)]
mod key_outage;
#[cfg(test)]
mod live_flood;
#[cfg(test)]
mod live_outage;
#[cfg(test)]
mod support;
