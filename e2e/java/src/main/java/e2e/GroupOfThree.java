package e2e;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Three members of one group share a topic; one leaves and the others take over. Says how many partitions each held before and
 * after, and how many records were read in all and more than once.
 */
public final class GroupOfThree {
    private static final class Member extends Thread {
        final KafkaConsumer<String, String> consumer;
        final Map<String, AtomicInteger> seen;
        volatile int held = 0;
        volatile boolean leave = false;
        volatile Throwable failure;

        Member(Properties p, String topic, Map<String, AtomicInteger> seen) {
            this.consumer = new KafkaConsumer<>(p);
            this.seen = seen;
            consumer.subscribe(List.of(topic));
        }

        @Override public void run() {
            try (consumer) {
                while (!leave) {
                    for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(100)))
                        seen.computeIfAbsent(r.partition() + ":" + r.offset(), k -> new AtomicInteger()).incrementAndGet();
                    consumer.commitSync();
                    held = consumer.assignment().size();
                }
            } catch (Throwable t) {
                failure = t;
            }
            held = 0;
        }
    }

    private static void await(String what, List<Member> members, java.util.function.BooleanSupplier done) throws Exception {
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (!done.getAsBoolean()) {
            for (Member m : members) if (m.failure != null) throw new IllegalStateException(m.failure);
            if (System.nanoTime() > deadline) throw new IllegalStateException("waited 60 s for " + what);
            Thread.sleep(50);
        }
    }

    private static String held(Collection<Member> members) {
        return members.stream().map(m -> Integer.toString(m.held)).sorted().reduce((a, b) -> a + "," + b).orElse("");
    }

    public static void main(String[] args) throws Exception {
        String topic = args[1];
        int expected = Integer.parseInt(args[3]);
        Properties p = new Properties();
        p.put("bootstrap.servers", args[0]);
        p.put("group.id", args[2]);
        p.put("group.protocol", "classic");
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        p.put("session.timeout.ms", "10000");
        p.put("heartbeat.interval.ms", "500");
        p.put("key.deserializer", StringDeserializer.class.getName());
        p.put("value.deserializer", StringDeserializer.class.getName());
        Map<String, AtomicInteger> seen = new ConcurrentHashMap<>();
        List<Member> members = new ArrayList<>();
        for (int i = 0; i < 3; i++) members.add(new Member(p, topic, seen));
        for (Member m : members) m.start();
        await("two partitions each", members, () -> members.stream().allMatch(m -> m.held == 2));
        System.out.println("three members: " + held(members));
        Member leaver = members.get(0);
        leaver.leave = true;
        leaver.join();
        List<Member> rest = members.subList(1, 3);
        await("three partitions each", members, () -> rest.stream().allMatch(m -> m.held == 3));
        System.out.println("two members: " + held(rest));
        await(expected + " records", members, () -> seen.size() >= expected);
        for (Member m : rest) { m.leave = true; m.join(); }
        for (Member m : members) if (m.failure != null) throw new IllegalStateException(m.failure);
        long twice = seen.values().stream().filter(n -> n.get() > 1).count();
        System.out.println("records " + seen.size() + " twice " + twice);
    }
}
