//! What the client makes of brokers that are old, silent, broken, or no brokers at all.

use std::time::Duration;

use headrace_client::protocol::messages::api_versions::{ApiVersion, ApiVersionsResponse};
use headrace_client::protocol::messages::metadata::{MetadataResponse, MetadataResponseBroker};
use headrace_client::protocol::{ApiKey, ErrorCode, RequestHeader, Str, frame};
use headrace_client::{Client, Error, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a fake broker treats a connection.
#[derive(Clone, Copy)]
enum Manner {
    /// Knows ApiVersions 0 and Metadata 4 only.
    Old,
    Silent,
    /// Announces a frame of two gigabytes.
    Huge,
    /// Answers as a web server would.
    Http,
    /// Closes after the first request.
    Rude,
}

async fn fake_broker(manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket, port, manner));
        }
    });
    format!("127.0.0.1:{port}")
}

async fn serve(mut socket: TcpStream, port: u16, manner: Manner) -> std::io::Result<()> {
    loop {
        let mut request = vec![0; socket.read_i32().await? as usize];
        socket.read_exact(&mut request).await?;
        let (header, _) = frame::split_request(request.into()).unwrap();
        match manner {
            Manner::Old => {
                for part in old_answer(&header, port) {
                    socket.write_all(&part).await?;
                }
            }
            Manner::Silent => {}
            Manner::Huge => socket.write_i32(i32::MAX).await?,
            Manner::Http => socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?,
            Manner::Rude => return Ok(()),
        }
    }
}

fn old_answer(header: &RequestHeader, port: u16) -> Vec<bytes::Bytes> {
    let id = header.correlation_id;
    match header.key().unwrap() {
        ApiKey::ApiVersions => {
            let known =
                |key: ApiKey, max_version| ApiVersion { api_key: key as i16, min_version: 0, max_version };
            let response = ApiVersionsResponse {
                error_code: match header.api_version {
                    0 => ErrorCode::NONE,
                    _ => ErrorCode::UNSUPPORTED_VERSION,
                },
                api_keys: vec![known(ApiKey::ApiVersions, 0), known(ApiKey::Metadata, 4)],
                ..Default::default()
            };
            frame::encode_response(ApiKey::ApiVersions, 0, id, &response).unwrap()
        }
        ApiKey::Metadata => {
            assert_eq!(header.api_version, 4, "the highest version both know");
            let host = Str::from_static("127.0.0.1");
            let broker = MetadataResponseBroker { node_id: 4, host, port: i32::from(port), rack: None };
            let response = MetadataResponse { brokers: vec![broker], controller_id: 4, ..Default::default() };
            frame::encode_response(ApiKey::Metadata, 4, id, &response).unwrap()
        }
        other => panic!("{other} was not offered"),
    }
}

async fn connect(address: &str) -> Result<Client, Error> {
    let options = Options {
        connect_timeout: Duration::from_millis(300),
        request_timeout: Duration::from_millis(300),
        ..Options::default()
    };
    Client::connect_with(&[address], options).await
}

#[tokio::test]
async fn an_old_broker_is_spoken_to_in_its_own_versions() {
    let client = connect(&fake_broker(Manner::Old).await).await.unwrap();
    assert_eq!(client.cluster().controller_id, 4);
    let error = client.describe_cluster().await.unwrap_err();
    assert!(matches!(error, Error::Unsupported { api: ApiKey::DescribeCluster, .. }), "{error}");
    assert!(error.to_string().contains("it offers none"), "{error}");
}

#[tokio::test]
async fn what_is_no_broker_is_named_and_ends() {
    for (manner, explained) in [
        (Manner::Silent, "did not answer"),
        (Manner::Huge, "is this a Kafka port?"),
        (Manner::Http, "is this a Kafka port?"),
        (Manner::Rude, "closed"),
    ] {
        let address = fake_broker(manner).await;
        let error = connect(&address).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(explained) && text.contains(&address), "{text}");
        assert!(error.is_retriable(), "{text}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_said_with_the_address() {
    let error = connect("127.0.0.1:1").await.unwrap_err();
    assert!(error.to_string().contains("no broker answered at 127.0.0.1:1"), "{error}");
}
