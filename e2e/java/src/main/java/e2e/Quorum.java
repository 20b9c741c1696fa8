package e2e;

import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.QuorumInfo;
import org.apache.kafka.clients.admin.RaftVoterEndpoint;
import org.apache.kafka.common.Uuid;

/**
 * The metadata quorum by Kafka's own Admin client: "describe", "add-voter ID NAME HOST PORT", "remove-voter ID", "unregister ID".
 * Each ends by saying who leads, votes and observes.
 */
public final class Quorum {
    public static void main(String[] args) throws Exception {
        try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", args[0]))) {
            switch (args[1]) {
                case "describe" -> { }
                case "add-voter" -> admin.addRaftVoter(id(args), directory(admin, id(args)),
                    Set.of(new RaftVoterEndpoint(args[3], args[4], Integer.parseInt(args[5])))).all().get();
                case "remove-voter" -> admin.removeRaftVoter(id(args), directory(admin, id(args))).all().get();
                case "unregister" -> admin.unregisterBroker(id(args)).all().get();
                default -> throw new IllegalArgumentException(args[1]);
            }
            QuorumInfo quorum = admin.describeMetadataQuorum().quorumInfo().get();
            System.out.println("leader " + quorum.leaderId() + " voters " + ids(quorum.voters()) + " observers " + ids(quorum.observers()));
        }
    }

    private static int id(String[] args) {
        return Integer.parseInt(args[2]);
    }

    private static Uuid directory(Admin admin, int id) throws Exception {
        QuorumInfo quorum = admin.describeMetadataQuorum().quorumInfo().get();
        return java.util.stream.Stream.concat(quorum.voters().stream(), quorum.observers().stream())
            .filter(replica -> replica.replicaId() == id).map(QuorumInfo.ReplicaState::replicaDirectoryId).findFirst().orElse(Uuid.ZERO_UUID);
    }

    private static String ids(java.util.List<QuorumInfo.ReplicaState> replicas) {
        return replicas.stream().map(QuorumInfo.ReplicaState::replicaId).sorted().map(Object::toString).collect(Collectors.joining(","));
    }
}
