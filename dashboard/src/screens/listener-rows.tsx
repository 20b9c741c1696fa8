/** The ways from outside Kubernetes that a new cluster is to have, with the service's word about each beside it. */
import type { ListenerRow } from "../lib/kubernetes";
import { Button, IconButton } from "../ui/button";
import { FieldError, SelectField, TextField } from "../ui/field";
import { Panel } from "../ui/panel";

interface ListenerRowsProps {
  rows: readonly ListenerRow[];
  onChange: (rows: ListenerRow[]) => void;
  /** By path: `listeners.0.name`. */
  errors: ReadonlyMap<string, string>;
}

export function ListenerRows({ rows, onChange, errors }: ListenerRowsProps) {
  const add = () => {
    const id = Math.max(0, ...rows.map((row) => row.id)) + 1;
    onChange([...rows, { id, name: "", type: "nodeport", advertisedHost: "", allowedCidrs: "" }]);
  };
  return (
    <Panel title="Listeners" note="for clients outside Kubernetes; those inside need none">
      <div className="space-y-4">
        {rows.map((row, place) => {
          const change = (part: Partial<ListenerRow>) => onChange(rows.map((other) => (other.id === row.id ? { ...other, ...part } : other)));
          const error = (field: string) => errors.get(`listeners.${place}.${field}`);
          return (
            <fieldset key={row.id} className="relative rounded-md border border-line p-3">
              <legend className="caption px-1">Listener {place + 1}</legend>
              <div className="absolute right-1 top-0">
                <IconButton icon="minus" label={`Remove listener ${place + 1}`} onClick={() => onChange(rows.filter((other) => other.id !== row.id))} />
              </div>
              <div className="grid items-start gap-4 sm:grid-cols-2">
                <TextField
                  label="Listener name"
                  mono
                  required
                  autoComplete="off"
                  autoCapitalize="none"
                  placeholder="external"
                  value={row.name}
                  onChange={(event) => change({ name: event.target.value })}
                  error={error("name")}
                  hint="Lower-case letters and digits, 15 at most."
                />
                <SelectField
                  label="Type"
                  value={row.type}
                  onChange={(event) => change({ type: event.target.value as ListenerRow["type"] })}
                  error={error("type")}
                  hint={row.type === "nodeport" ? "A port of every node for each broker." : "A load balancer for each broker."}
                >
                  <option value="nodeport">nodeport</option>
                  <option value="loadbalancer">loadbalancer</option>
                </SelectField>
                <TextField
                  label="Advertised host"
                  mono
                  autoComplete="off"
                  autoCapitalize="none"
                  placeholder="kafka-{broker}.example.net"
                  value={row.advertisedHost}
                  onChange={(event) => change({ advertisedHost: event.target.value })}
                  error={error("advertised_host")}
                  hint={`What clients are told instead of the ${row.type === "nodeport" ? "node" : "load balancer"}’s address; {broker} stands for the broker’s id.`}
                />
                <TextField
                  label="Allowed networks"
                  mono
                  autoComplete="off"
                  autoCapitalize="none"
                  placeholder="10.0.0.0/8, 192.168.0.0/16"
                  value={row.allowedCidrs}
                  onChange={(event) => change({ allowedCidrs: event.target.value })}
                  error={error("allowed_cidrs")}
                  hint="Everybody may connect if left empty."
                />
              </div>
            </fieldset>
          );
        })}
        <Button icon="plus" kind="quiet" onClick={add} className={rows.length === 0 ? "-ml-2" : ""}>
          Add listener
        </Button>
        {errors.get("listeners") && <FieldError>{errors.get("listeners")}</FieldError>}
      </div>
    </Panel>
  );
}
