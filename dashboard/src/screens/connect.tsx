/** What clients are configured with: each way to the cluster, ready to paste. */
import * as Tabs from "@radix-ui/react-tabs";
import { useQuery } from "@tanstack/react-query";
import { useId, useState, type ReactNode } from "react";
import { connectionQuery } from "../api/connection";
import type { Cluster, ConnectionListener } from "../api/types";
import { CLIENTS, withoutAddress, type Client } from "../lib/connection";
import { CopyButton, CopyLine } from "../ui/copy";
import { Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";

export function Connect({ cluster }: { cluster: Cluster }) {
  const query = useQuery(connectionQuery(cluster.name));
  // One for all listeners: whoever reads about Java wants Java everywhere.
  const [client, setClient] = useState<Client>("java");
  return (
    <Panel title="Connect" flush>
      <QueryView query={query} what="the settings for clients">
        {(connection) => (
          <>
            {!connection.listeners.some((listener) => listener.type === "internal") && (
              <p className="border-b border-line p-4 text-ink-2 last:border-0">The address for clients appears here as soon as the first broker listens.</p>
            )}
            {connection.listeners.map((listener) => (
              <Way key={listener.name} name={listener.name} about={`${listener.reach} · ${listener.security_protocol}`}>
                <CopyLine text={listener.bootstrap_servers} label={`Copy the bootstrap servers of ${listener.name}`} />
                <Settings listener={listener} client={client} onClient={setClient} />
              </Way>
            ))}
            {withoutAddress(cluster.listeners, connection).map((listener) => (
              <Way key={listener.name} name={listener.name} about={listener.type}>
                <p className="text-ink-2">Its addresses are not known yet. They appear here as soon as Kubernetes has given one to each broker.</p>
              </Way>
            ))}
          </>
        )}
      </QueryView>
    </Panel>
  );
}

function Way({ name, about, children }: { name: string; about: string; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="space-y-3 border-b border-line p-4 last:border-0">
      <div className="flex flex-wrap items-baseline gap-x-3">
        <h3 id={id} className="font-medium">
          {name}
        </h3>
        <p className="text-xs text-ink-3">{about}</p>
      </div>
      {children}
    </section>
  );
}

function Settings({ listener, client, onClient }: { listener: ConnectionListener; client: Client; onClient: (client: Client) => void }) {
  const shown = CLIENTS.find(({ value }) => value === client);
  return (
    <Tabs.Root value={client} onValueChange={(value) => onClient(value as Client)} className="overflow-hidden rounded-md border border-line">
      <div className="flex items-center justify-between border-b border-line bg-raised pr-0.5">
        <Tabs.List aria-label={`Client of ${listener.name}`} className="flex min-w-0 overflow-x-auto">
          {CLIENTS.map(({ value, label }) => (
            <Tabs.Trigger
              key={value}
              value={value}
              className="h-8 whitespace-nowrap px-3 text-xs text-ink-2 hover:text-ink focus-visible:-outline-offset-2 data-[state=active]:bg-panel data-[state=active]:font-medium data-[state=active]:text-ink"
            >
              {label}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        <CopyButton key={client} text={listener.properties[client]} label={`Copy the ${shown?.label} settings of ${listener.name}`} />
      </div>
      {CLIENTS.map(({ value }) => (
        <Tabs.Content key={value} value={value} className="outline-none">
          <pre className="overflow-x-auto p-3 text-xs leading-5">{listener.properties[value].trimEnd()}</pre>
        </Tabs.Content>
      ))}
    </Tabs.Root>
  );
}
