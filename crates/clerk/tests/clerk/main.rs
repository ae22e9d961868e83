//! The verifier as its callers see it.

#[cfg(test)]
mod claims;
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
mod support;
