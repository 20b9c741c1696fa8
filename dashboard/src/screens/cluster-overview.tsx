import * as Tabs from "@radix-ui/react-tabs";
import { getRouteApi } from "@tanstack/react-router";
import { useCluster } from "../api/use-cluster";
import type { Cluster } from "../api/types";
import { formatInteger } from "../lib/format";
import { clientSnippets } from "../lib/snippets";
import { CopyButton, CopyLine } from "../ui/copy";
import { Icon } from "../ui/icons";
import { Fact, Facts, Panel } from "../ui/panel";
import { Pairs } from "../ui/pairs";
import { Age } from "../ui/time";
import { TroubleList } from "../ui/trouble";

const route = getRouteApi("/shell/clusters/$cluster/");

export function ClusterOverview() {
  const cluster = useCluster(route.useParams().cluster);
  const bootstrap = cluster.status.bootstrap_servers;
  return (
    <div className="grid gap-5 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <div className="min-w-0 space-y-5">
        <Panel title="Connect" note={bootstrap ? "bootstrap.servers" : undefined}>
          {bootstrap ? (
            <div className="space-y-4">
              <CopyLine text={bootstrap} label="Copy bootstrap servers" />
              <Snippets cluster={cluster.name} bootstrap={bootstrap} />
            </div>
          ) : (
            <p className="text-ink-2">The address for clients appears here as soon as the first broker listens.</p>
          )}
        </Panel>
        <Conditions cluster={cluster} />
      </div>
      <div className="min-w-0 space-y-5">
        <Summary cluster={cluster} />
        <Partitions cluster={cluster} />
        <Panel title="Configuration" note="what differs from Kafka’s defaults">
          <Pairs pairs={cluster.config} none="Nothing: all of Kafka’s defaults." />
        </Panel>
      </div>
    </div>
  );
}

function Summary({ cluster }: { cluster: Cluster }) {
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
                className={`mt-0.5 size-4 ${condition.status ? "text-ok" : "text-ink-3"}`}
              />
              <div className="min-w-0 flex-1">
                <p>
                  <span className="font-medium">{condition.type}</span>{" "}
                  <span className="sr-only">{condition.status ? "true" : "false"}</span>
                  <span className="text-ink-3">{condition.reason}</span>
                </p>
                {condition.message && <p className="break-words text-ink-2">{condition.message}</p>}
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

function Snippets({ cluster, bootstrap }: { cluster: string; bootstrap: string }) {
  const snippets = clientSnippets(cluster, bootstrap);
  return (
    <Tabs.Root defaultValue={snippets[0]?.name ?? ""} className="overflow-hidden rounded-md border border-line">
      <Tabs.List aria-label="Client" className="flex overflow-x-auto border-b border-line bg-raised">
        {snippets.map(({ name }) => (
          <Tabs.Trigger
            key={name}
            value={name}
            className="h-8 whitespace-nowrap px-3 text-xs text-ink-2 hover:text-ink focus-visible:-outline-offset-2 data-[state=active]:bg-panel data-[state=active]:font-medium data-[state=active]:text-ink"
          >
            {name}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      {snippets.map(({ name, code }) => (
        <Tabs.Content key={name} value={name} className="relative outline-none">
          <div className="absolute right-1 top-1 rounded-md bg-panel">
            <CopyButton text={code} label={`Copy the ${name} example`} />
          </div>
          <pre className="overflow-x-auto p-3 pt-9 text-xs leading-5 sm:pt-3">{code}</pre>
        </Tabs.Content>
      ))}
    </Tabs.Root>
  );
}
