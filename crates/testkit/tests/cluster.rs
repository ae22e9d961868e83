//! The throw-away PostgreSQL does what tests rely on.

use std::time::{Duration, Instant};

use capykeys_testkit::{Cluster, Proxy, Way, shared};
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{Client, NoTls};

/// Long enough that a server that answers has answered.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

async fn connect(url: &str) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let driver = tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok((client, driver))
}

async fn answers(client: &Client) -> bool {
    matches!(timeout(SHORT, client.simple_query("SELECT 1")).await, Ok(Ok(_)))
}

#[tokio::test]
async fn a_database_from_a_template_has_what_the_template_has() {
    let template = shared().create_database();
    shared().execute(&template, "CREATE TABLE things (id int)");
    let copy = shared().create_database_from(&template);
    let (client, _driver) = connect(&shared().url(&copy)).await.expect("connect");
    let rows = client.query("SELECT * FROM things", &[]).await.expect("the table");
    assert!(rows.is_empty());
}

#[tokio::test]
async fn a_paused_server_answers_nothing_until_it_is_resumed() {
    let cluster = Cluster::start(false);
    let (client, _driver) = connect(&cluster.url("postgres")).await.expect("connect");
    assert!(answers(&client).await);
    cluster.pause();
    assert!(!answers(&client).await);
    cluster.resume();
    timeout(LONG, client.simple_query("SELECT 1")).await.expect("in time").expect("an answer");
}

#[tokio::test]
async fn a_durable_server_has_what_was_committed_after_it_was_killed() {
    let cluster = Cluster::start(true);
    cluster.execute("postgres", "CREATE TABLE things (id int); INSERT INTO things VALUES (1)");
    let (client, driver) = connect(&cluster.url("postgres")).await.expect("connect");
    cluster.kill();
    timeout(LONG, driver).await.expect("the connection ends").expect("driver");
    assert!(client.is_closed());
    assert!(connect(&cluster.url("postgres")).await.is_err());

    cluster.start_again();
    let (client, _driver) = connect(&cluster.url("postgres")).await.expect("connect");
    assert_eq!(client.query("SELECT * FROM things", &[]).await.expect("rows").len(), 1);
}

#[tokio::test]
async fn a_stopped_server_starts_again_on_its_port() {
    let cluster = Cluster::start(false);
    let url = cluster.url("postgres");
    cluster.stop();
    assert!(connect(&url).await.is_err());
    cluster.start_again();
    assert!(connect(&url).await.is_ok());
}

#[tokio::test]
async fn nothing_is_left_of_a_dropped_cluster() {
    let cluster = Cluster::start(false);
    let directory = cluster.socket_directory().to_owned();
    assert!(directory.exists());
    drop(cluster);
    assert!(!directory.exists());
}

#[tokio::test]
async fn the_proxy_forwards_swallows_forgets_and_cuts() {
    let proxy = Proxy::start(shared().address()).await;
    let url = format!("postgres://postgres@{}/postgres", proxy.address());
    let (client, driver) = connect(&url).await.expect("connect");
    assert!(answers(&client).await);

    proxy.swallow(true);
    assert!(!answers(&client).await);
    assert!(!driver.is_finished());
    assert!(timeout(SHORT, connect(&url)).await.is_err());
    proxy.heal();
    timeout(LONG, client.simple_query("SELECT 1")).await.expect("in time").expect("an answer");

    proxy.forget();
    assert!(!answers(&client).await);
    assert!(!driver.is_finished());
    let (client, driver) = connect(&url).await.expect("connect");
    assert!(answers(&client).await);

    proxy.cut();
    timeout(LONG, driver).await.expect("the connection ends").expect("driver");
    assert!(client.is_closed());
    assert!(connect(&url).await.is_err());
}

#[tokio::test]
async fn the_proxy_swallows_one_way_alone() {
    let proxy = Proxy::start(shared().address()).await;
    let url = format!("postgres://postgres@{}/postgres", proxy.address());
    let (client, driver) = connect(&url).await.expect("connect");
    let (witness, _driver) = connect(&shared().url("postgres")).await.expect("connect");
    witness.batch_execute("CREATE TABLE arrived (id int)").await.expect("a table");
    for (way, id, arrives) in [(Way::ToServer, 1, false), (Way::ToClient, 2, true)] {
        proxy.swallow_one(way);
        let insertion = format!("INSERT INTO arrived VALUES ({id})");
        let sent = client.batch_execute(&insertion);
        let mut sent = std::pin::pin!(sent);
        assert!(timeout(SHORT, &mut sent).await.is_err(), "{way:?}");
        let rows = witness.query("SELECT * FROM arrived WHERE id = $1", &[&id]).await.expect("rows");
        assert_eq!(!rows.is_empty(), arrives, "{way:?}");
        proxy.heal();
        timeout(LONG, sent).await.expect("in time").expect("an answer");
    }
    assert!(!driver.is_finished());
}

#[tokio::test]
async fn the_proxy_delays_answers_but_those_to_clients_that_are_spared() {
    let proxy = Proxy::start(shared().address()).await;
    let url = format!("postgres://postgres@{}/postgres", proxy.address());
    let (late, _late) = connect(&url).await.expect("connect");
    let (spared, _spared) = connect(&format!("{url}?application_name=spared")).await.expect("connect");
    proxy.delay_answers(SHORT * 2, "spared");
    let start = Instant::now();
    timeout(LONG, late.simple_query("SELECT 1")).await.expect("in time").expect("an answer");
    assert!(start.elapsed() >= SHORT * 2);
    assert!(answers(&spared).await);
    proxy.heal();
    assert!(answers(&late).await);
}
