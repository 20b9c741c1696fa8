import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { isBusy } from "../api/clusters";
import { useCluster } from "../api/use-cluster";
import type { Cluster, KubernetesSpec } from "../api/types";
import { versionsQuery } from "../api/versions";
import { failing, passes } from "../lib/conditions";
import { formatInteger, NOT_KNOWN } from "../lib/format";
import { otherVersions } from "../lib/versions";
import { CopyButton } from "../ui/copy";
import { Icon } from "../ui/icons";
import { Fact, Facts, Panel } from "../ui/panel";
import { Pairs } from "../ui/pairs";
import { Age } from "../ui/time";
import { TroubleList } from "../ui/trouble";
import { Connect } from "./connect";

const route = getRouteApi("/shell/clusters/$cluster/");

export function ClusterOverview() {
  const cluster = useCluster(route.useParams().cluster);
  return (
    <div className="grid gap-5 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <div className="min-w-0 space-y-5">
        <Connect cluster={cluster} />
        <Conditions cluster={cluster} />
      </div>
      <div className="min-w-0 space-y-5">
        <Summary cluster={cluster} />
        <Partitions cluster={cluster} />
        {cluster.kubernetes && <Kubernetes spec={cluster.kubernetes} />}
        <Panel title="Configuration" note="what differs from Kafka’s defaults">
          <Pairs pairs={cluster.config} none="Nothing: all of Kafka’s defaults." />
        </Panel>
      </div>
    </div>
  );
}

function Summary({ cluster }: { cluster: Cluster }) {
  const others = otherVersions(cluster.engine, useQuery(versionsQuery()).data?.items ?? []);
  const behind = cluster.status.observed_generation < cluster.generation;
  return (
    <Panel title="Cluster">
      <Facts>
        <Fact name="Brokers ready">
          <span className="num">
            {cluster.status.brokers_ready} / {cluster.brokers}
          </span>
          {(cluster.status.brokers_missing ?? []).length > 0 && (
            <span className="text-warn"> (missing: {cluster.status.brokers_missing?.join(", ")})</span>
          )}
        </Fact>
        <Fact name="Controller">
          <span className="num">{cluster.status.controller_id ?? "–"}</span>
        </Fact>
        <Fact name="Engine">
          {cluster.engine.kind} <span className="num">{cluster.engine.version}</span>
          {others.length > 0 && (
            <Link to="/clusters/$cluster/settings" params={{ cluster: cluster.name }} className="block text-xs text-ink-3 hover:text-ink hover:underline">
              change version
            </Link>
          )}
        </Fact>
        <Fact name="Project">{cluster.project}</Fact>
        <Fact name="Created">
          <Age at={cluster.created_at} suffix=" ago" />
        </Fact>
        <Fact name="Generation">
          <span className="num">{cluster.generation}</span>
          {behind && <span className="text-ink-3"> (applied: {cluster.status.observed_generation})</span>}
        </Fact>
        <Fact name="Deletion protection">{cluster.deletion_protection ? "on" : "off"}</Fact>
        <Fact name="ID" wide>
          <span className="flex items-center gap-1">
            <code className="truncate text-xs text-ink-2">{cluster.id}</code>
            <CopyButton text={cluster.id} label="Copy cluster ID" />
          </span>
        </Fact>
      </Facts>
      {Object.keys(cluster.labels).length > 0 && (
        <div className="mt-4 border-t border-line pt-3">
          <p className="caption mb-1">Labels</p>
          <Pairs pairs={cluster.labels} none="" />
        </div>
      )}
    </Panel>
  );
}

function Kubernetes({ spec }: { spec: KubernetesSpec }) {
  const amount = (amounts: Record<string, string> | undefined, name: string) => <span className="num">{amounts?.[name] ?? NOT_KNOWN}</span>;
  return (
    <Panel title="Kubernetes" note="each broker’s">
      <Facts>
        <Fact name="Storage">
          <span className="num">{spec.storage?.size ?? NOT_KNOWN}</span>
        </Fact>
        <Fact name="Storage class">{spec.storage?.class ?? "default"}</Fact>
        <Fact name="CPU request">{amount(spec.resources?.requests, "cpu")}</Fact>
        <Fact name="CPU limit">{amount(spec.resources?.limits, "cpu")}</Fact>
        <Fact name="Memory request">{amount(spec.resources?.requests, "memory")}</Fact>
        <Fact name="Memory limit">{amount(spec.resources?.limits, "memory")}</Fact>
      </Facts>
    </Panel>
  );
}

function Partitions({ cluster }: { cluster: Cluster }) {
  const health = cluster.status.partitions;
  if (!health) {
    return (
      <Panel title="Partitions">
        <p className="text-ink-3">No broker says how its partitions are.</p>
      </Panel>
    );
  }
  return (
    <Panel title="Partitions">
      <Facts>
        <Fact name="Total">
          <span className="num">{formatInteger(health.total)}</span>
        </Fact>
        <Fact name="Under-replicated">
          <Count of={health.under_replicated} bad="text-warn" />
        </Fact>
        <Fact name="Under min ISR">
          <Count of={health.under_min_isr} bad="text-bad" />
        </Fact>
        <Fact name="Offline">
          <Count of={health.offline} bad="text-bad" />
        </Fact>
      </Facts>
      <div role="status" className="mt-4 border-t border-line pt-3">
        <TroubleList health={health} none="Every replica is in sync." />
      </div>
    </Panel>
  );
}

function Count({ of: count, bad }: { of: number | null | undefined; bad: string }) {
  return <span className={`num ${count ? `font-medium ${bad}` : ""}`}>{formatInteger(count)}</span>;
}

function Conditions({ cluster }: { cluster: Cluster }) {
  // Their messages stand above the tabs already.
  const told = failing(cluster.status.conditions, isBusy(cluster));
  return (
    <Panel title="Conditions" flush>
      {cluster.status.conditions.length === 0 ? (
        <p className="p-4 text-ink-3">Nothing has been observed yet.</p>
      ) : (
        <ul>
          {cluster.status.conditions.map((condition) => (
            <li key={condition.type} className="flex gap-3 border-b border-line px-4 py-2.5 last:border-0">
              <Icon
                name={condition.status ? "check" : "minus"}
                className={`mt-0.5 size-4 ${condition.status ? "text-ok" : passes(condition.reason) ? "text-ink-3" : "text-warn"}`}
              />
              <div className="min-w-0 flex-1">
                <p>
                  <span className="font-medium">{condition.type}</span>{" "}
                  <span className="sr-only">{condition.status ? "true" : "false"}</span>
                  <span className="text-ink-3">{condition.reason}</span>
                </p>
                {condition.message && !told.includes(condition) && <p className="whitespace-pre-line wrap-anywhere text-ink-2">{condition.message}</p>}
              </div>
              <span className="num text-ink-3">
                <Age at={condition.last_transition_at} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
