//! The bare limit that verification is measured against: an actix-web handler that takes the same
//! request and returns the same bytes, and does nothing else.
//!
//!     cargo run --release --example bare -- PORT WORKERS < ANSWER

use std::io::{self, Read};

use actix_web::{App, HttpResponse, HttpServer, http::header::ContentType, web};
use mimalloc::MiMalloc;

/// As the service has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[actix_web::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u16>().ok());
    let (Some(port), Some(workers)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("usage: bare PORT WORKERS < ANSWER"));
    };
    let mut answer = String::new();
    io::stdin().read_to_string(&mut answer)?;
    let answer = web::Data::new(answer);
    let server = HttpServer::new(move || {
        App::new().app_data(answer.clone()).service(web::resource("/v1/api-keys/verify").route(
            web::post().to(|_: web::Bytes, answer: web::Data<String>| async move {
                HttpResponse::Ok().insert_header(ContentType::json()).body(answer.get_ref().clone())
            }),
        ))
    });
    server.workers(workers.into()).bind(("127.0.0.1", port))?.run().await
}
