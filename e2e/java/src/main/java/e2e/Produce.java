package e2e;

import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends the numbers 0 to count-1 with the client's defaults (idempotent, acks=all), paced; says how many were acknowledged. With
 * "until-eof" it ends early when its input does; what follows that are settings of the client.
 */
public final class Produce {
    public static void main(String[] args) throws Exception {
        String bootstrap = args[0], topic = args[1], compression = args[3];
        int count = Integer.parseInt(args[2]), perSecond = Integer.parseInt(args[4]);
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("compression.type", compression);
        p.put("key.serializer", StringSerializer.class.getName());
        p.put("value.serializer", StringSerializer.class.getName());
        boolean untilEof = args.length > 5 && args[5].equals("until-eof");
        for (int i = 6; i < args.length; i++) p.put(args[i].split("=")[0], args[i].split("=")[1]);
        AtomicInteger acked = new AtomicInteger(), failed = new AtomicInteger();
        long start = System.nanoTime();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(p)) {
            for (int i = 0; i < count && !(untilEof && ended); i++) {
                long due = start + i * 1_000_000_000L / perSecond;
                while (System.nanoTime() < due) Thread.sleep(1);
                producer.send(new ProducerRecord<>(topic, null, Integer.toString(i)), (m, e) -> {
                    if (e == null) acked.incrementAndGet();
                    else { failed.incrementAndGet(); System.err.println("failed: " + e); }
                });
                if (i == 0) { producer.flush(); System.out.println("started"); System.out.flush(); if (untilEof) awaitEof(); }
            }
        }
        System.out.println("acked " + acked.get() + " failed " + failed.get());
        System.exit(failed.get() == 0 ? 0 : 1);
    }

    private static volatile boolean ended = false;

    private static void awaitEof() {
        Thread waiter = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (java.io.IOException e) {
                // As good as its end.
            }
            ended = true;
        });
        waiter.setDaemon(true);
        waiter.start();
    }
}
