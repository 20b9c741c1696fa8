import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Writes tests/golden.txt: every request and response of Kafka's own client, in every version, with every field set,
 * as "name version hex". See generate_golden.sh beside it.
 */
public class GoldenBytes {
    private static int counter;

    public static void main(String[] args) throws Exception {
        for (ApiKeys key : ApiKeys.values()) {
            // Keys without a version are no longer in use.
            for (int v = key.oldestVersion(); v <= key.latestVersion(); v++) {
                short version = (short) v;
                print(key.messageType.newRequest(), version);
                print(key.messageType.newResponse(), version);
            }
        }
    }

    private static void print(Message message, short version) throws Exception {
        counter = 0;
        fill(message, version);
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        String name = message.getClass().getSimpleName().replaceAll("Data$", "");
        System.out.println(name + " " + version + " " + HexFormat.of().formatHex(buffer.array()));
    }

    /** Sets the fields that the schema of this version has. */
    private static void fill(Object struct, short version) throws Exception {
        Schema[] schemas = (Schema[]) struct.getClass().getField("SCHEMAS").get(null);
        for (var bound : schemas[version].fields()) {
            if (bound.def.type instanceof TaggedFields) {
                Map<Integer, org.apache.kafka.common.protocol.types.Field> tagged =
                    ((TaggedFields) bound.def.type).fields();
                for (var field : tagged.values()) {
                    set(struct, field.name, version);
                }
            } else {
                set(struct, bound.def.name, version);
            }
        }
    }

    private static void set(Object struct, String schemaName, short version) throws Exception {
        for (Field field : struct.getClass().getDeclaredFields()) {
            if (field.getName().replace("_", "").equalsIgnoreCase(schemaName.replace("_", ""))) {
                field.setAccessible(true);
                field.set(struct, value(field.getType(), field.getGenericType(), version));
                return;
            }
        }
        throw new IllegalStateException(struct.getClass() + " has no field for " + schemaName);
    }

    @SuppressWarnings("unchecked")
    private static Object value(Class<?> type, java.lang.reflect.Type generic, short version) throws Exception {
        int n = ++counter;
        if (type == byte.class || type == Byte.class) return (byte) n;
        if (type == short.class || type == Short.class) return (short) (n + 300);
        if (type == int.class || type == Integer.class) return unsignedShort(n);
        if (type == long.class || type == Long.class) return (long) n + (1L << 40);
        if (type == double.class) return n + 0.5;
        if (type == boolean.class) return true;
        if (type == String.class) return "text" + n;
        if (type == Uuid.class) return new Uuid(n, n + 1);
        if (type == byte[].class) return new byte[] {(byte) n, 2, 3};
        if (type == ByteBuffer.class) return ByteBuffer.wrap(new byte[] {(byte) n, 5});
        if (type == BaseRecords.class) return MemoryRecords.readableRecords(ByteBuffer.wrap(new byte[] {7, (byte) n}));
        if (type == List.class) {
            List<Object> list = new ArrayList<>();
            var element = (ParameterizedType) generic;
            Class<?> of = (Class<?>) element.getActualTypeArguments()[0];
            list.add(value(of, of, version));
            list.add(value(of, of, version));
            return list;
        }
        Object made = type.getDeclaredConstructor().newInstance();
        if (made instanceof Collection) {
            // Kafka's collections with keys: XxxCollection of Xxx.
            var element = (ParameterizedType) type.getGenericSuperclass();
            Class<?> of = (Class<?>) element.getActualTypeArguments()[0];
            ((Collection<Object>) made).add(value(of, of, version));
            return made;
        }
        fill(made, version);
        return made;
    }

    /** Fits every integer field; unsigned 16-bit ones are `int` in Java. */
    private static int unsignedShort(int n) {
        return 40_000 + n;
    }
}
