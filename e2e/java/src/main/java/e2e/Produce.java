package e2e;

import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Sends the numbers 0 to count-1 with the client's defaults (idempotent, acks=all), paced; says how many were acknowledged. */
public final class Produce {
    public static void main(String[] args) throws Exception {
        String bootstrap = args[0], topic = args[1], compression = args[3];
        int count = Integer.parseInt(args[2]), perSecond = Integer.parseInt(args[4]);
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("compression.type", compression);
        p.put("key.serializer", StringSerializer.class.getName());
        p.put("value.serializer", StringSerializer.class.getName());
        AtomicInteger acked = new AtomicInteger(), failed = new AtomicInteger();
        long start = System.nanoTime();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(p)) {
            for (int i = 0; i < count; i++) {
                long due = start + i * 1_000_000_000L / perSecond;
                while (System.nanoTime() < due) Thread.sleep(1);
                producer.send(new ProducerRecord<>(topic, null, Integer.toString(i)), (m, e) -> {
                    if (e == null) acked.incrementAndGet();
                    else { failed.incrementAndGet(); System.err.println("failed: " + e); }
                });
                if (i == 0) { producer.flush(); System.out.println("started"); System.out.flush(); }
            }
        }
        System.out.println("acked " + acked.get() + " failed " + failed.get());
        System.exit(failed.get() == 0 ? 0 : 1);
    }
}
