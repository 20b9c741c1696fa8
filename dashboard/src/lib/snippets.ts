/** Ready lines for the clients people use. Pure: a bootstrap address and a topic in, text out. */
export interface Snippet {
  name: string;
  code: string;
}

export function clientSnippets(cluster: string, bootstrap: string, topic = "my-topic"): Snippet[] {
  return [
    {
      name: "Java",
      code: `Properties props = new Properties();
props.put("bootstrap.servers", "${bootstrap}");
props.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
props.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");

try (Producer<String, String> producer = new KafkaProducer<>(props)) {
    producer.send(new ProducerRecord<>("${topic}", "key", "hello")).get();
}`,
    },
    {
      name: "librdkafka",
      code: `# pip install confluent-kafka
from confluent_kafka import Producer

producer = Producer({"bootstrap.servers": "${bootstrap}"})
producer.produce("${topic}", key="key", value="hello")
producer.flush()`,
    },
    {
      name: "kcat",
      code: `echo hello | kcat -b ${bootstrap} -t ${topic} -P
kcat -b ${bootstrap} -t ${topic} -C -o beginning -e`,
    },
    {
      name: "Kafka CLI",
      code: `kafka-console-producer.sh --bootstrap-server ${bootstrap} --topic ${topic}
kafka-console-consumer.sh --bootstrap-server ${bootstrap} --topic ${topic} --from-beginning`,
    },
    {
      name: "headrace",
      code: `headrace topic create ${topic} --cluster ${cluster}
echo hello | headrace produce --cluster ${cluster} --topic ${topic}
headrace consume --cluster ${cluster} --topic ${topic} --from-beginning --max-messages 1`,
    },
  ];
}
