//! The client against a real cluster, ours or Apache Kafka: `HEADRACE_TEST_BOOTSTRAP=127.0.0.1:9092 cargo test -p
//! headrace-client --test against_a_cluster -- --ignored`. It makes one topic with a name of its own and deletes it.

use std::collections::BTreeMap;
use std::time::Duration;

use headrace_client::protocol::ErrorCode;
use headrace_client::{
    Acks, Client, Compression, ConfigChange, FetchOptions, NewTopic, OffsetSpec, ProducerOptions, Record,
    Resource, Start, Target,
};

const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
#[ignore = "needs a cluster: set HEADRACE_TEST_BOOTSTRAP=HOST:PORT"]
async fn topics_records_offsets_and_configs() {
    let bootstrap = std::env::var("HEADRACE_TEST_BOOTSTRAP").expect("HEADRACE_TEST_BOOTSTRAP=HOST:PORT");
    let client = Client::connect(&[&bootstrap], TIMEOUT).await.unwrap();
    let name = format!("client-test-{}", std::process::id());
    let _absent = client.delete_topic(&name).await;

    let created =
        client.create_topic(&NewTopic::new(&name).partitions(3).config("retention.ms", "3600000")).await;
    assert_eq!(created.unwrap().num_partitions, 3);
    let again = client.create_topic(&NewTopic::new(&name)).await.unwrap_err();
    assert_eq!(again.code(), Some(ErrorCode::TOPIC_ALREADY_EXISTS), "{again}");
    let missing = client.fetch("no-such-topic", 0, 0, &FetchOptions::default()).await.unwrap_err();
    assert_eq!(missing.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), "{missing}");

    produce_and_fetch(&client, &name).await;
    consume_everything(&client, &name).await;

    let topic = Resource::Topic(name.clone());
    let configs = client.describe_configs(std::slice::from_ref(&topic)).await.unwrap().remove(0).1.unwrap();
    let retention = configs.iter().find(|config| config.name == "retention.ms").unwrap();
    assert_eq!(retention.value.as_deref(), Some("3600000"));
    if std::env::var_os("HEADRACE_TEST_ALTER").is_some() {
        let change = ConfigChange::Set("retention.ms".into(), "7200000".into());
        client.alter_configs(&topic, &[change]).await.unwrap();
    }

    client.create_partitions(&name, 4).await.unwrap();
    let described = client.describe_cluster().await.unwrap();
    let broker = described.brokers.first().unwrap().broker_id;
    let dirs = client.describe_log_dirs(broker).await.unwrap();
    let sizes = dirs.results.iter().flat_map(|dir| &dir.topics).filter(|topic| topic.name == name);
    assert!(sizes.flat_map(|topic| &topic.partitions).any(|partition| partition.partition_size > 0));

    client.delete_topic(&name).await.unwrap();
}

async fn produce_and_fetch(client: &Client, topic: &str) {
    let record = Record::new("first").key("k").header("h", "x").timestamp_ms(1_700_000_000_000);
    let produced = client.produce(topic, Target::Partition(1), vec![record], Acks::All).await.unwrap();
    assert_eq!((produced[0].partition, produced[0].offset), (1, 0));
    for (codec, acks) in [
        (Compression::Gzip, Acks::All),
        (Compression::Snappy, Acks::Leader),
        (Compression::Lz4, Acks::All),
        (Compression::Zstd, Acks::All),
    ] {
        let options = ProducerOptions { acks, compression: codec, batch_bytes: 2_000 };
        let producer = client.producer(options);
        for _ in 0..2 {
            let records = (0..100).map(|n| Record::new(format!("{codec:?} {n:050}"))).collect();
            producer.send(topic, Target::Partition(1), records).await.unwrap();
        }
    }
    let listed =
        client.list_offsets(topic, &[(1, OffsetSpec::Latest), (0, OffsetSpec::Earliest)]).await.unwrap();
    assert_eq!((listed[0].offset, listed[1].offset), (801, 0));
    let fetched = client.fetch(topic, 1, 0, &FetchOptions::default()).await.unwrap();
    assert_eq!(fetched.high_watermark, 801);
    let first = &fetched.records[0];
    assert_eq!(first.key.as_deref(), Some(&b"k"[..]));
    assert_eq!(first.headers, [("h".into(), Some("x".into()))]);
    assert_eq!(first.timestamp_ms, 1_700_000_000_000);
    let middle = client.fetch(topic, 1, 37, &FetchOptions::default()).await.unwrap();
    assert_eq!(middle.records[0].offset, 37);
    let beyond = client.fetch(topic, 1, 5_000, &FetchOptions::default()).await.unwrap_err();
    assert_eq!(beyond.code(), Some(ErrorCode::OFFSET_OUT_OF_RANGE), "{beyond}");
}

async fn consume_everything(client: &Client, topic: &str) {
    let records = (0..300).map(|n| Record::new("v").key(format!("key {n}"))).collect();
    let placed = client.produce(topic, Target::ByKey, records, Acks::All).await.unwrap();
    let mut expected = BTreeMap::from([(1, 801)]);
    for at in &placed {
        *expected.entry(at.partition).or_insert(0) += 1;
    }
    assert_eq!(expected.len(), 3, "300 keys reach all partitions");
    let mut consumer = client.consumer(topic, Start::Earliest, FetchOptions::default()).await.unwrap();
    let mut seen = BTreeMap::<i32, i64>::new();
    while seen != expected {
        let records = consumer.poll().await.unwrap();
        assert!(!records.is_empty(), "records ran out at {seen:?} of {expected:?}");
        for record in records {
            let next = seen.entry(record.partition).or_insert(0);
            assert_eq!(record.offset, *next, "partition {}", record.partition);
            *next += 1;
        }
    }
    assert!(consumer.poll().await.unwrap().is_empty());
    client.produce(topic, Target::Partition(2), vec![Record::new("late")], Acks::Leader).await.unwrap();
    assert_eq!(consumer.poll().await.unwrap().len(), 1);
}
