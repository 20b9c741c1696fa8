import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ApiProblem } from "../api/problem";
import { topicQuery, useDeleteTopic } from "../api/topics";
import type { Topic } from "../api/types";
import { plural } from "../lib/format";
import { useTitle } from "../lib/title";
import { Button } from "../ui/button";
import { ConfirmDialog } from "../ui/confirm-dialog";
import { CopyButton } from "../ui/copy";
import { columnsOf, DataTable } from "../ui/data-table";
import { Empty } from "../ui/notice";
import { Pairs } from "../ui/pairs";
import { Fact, Facts, Panel } from "../ui/panel";
import { QueryView } from "../ui/query-view";
import { TroubleList } from "../ui/trouble";

const route = getRouteApi("/shell/clusters/$cluster/topics/$topic");
type Partition = Topic["partition_details"][number];
const column = columnsOf<Partition>();

function Replicas({ partition }: { partition: Partition }) {
  return (
    <span className="num inline-flex flex-wrap gap-1">
      {partition.replicas.map((replica) => {
        const inSync = partition.isr.includes(replica);
        return (
          <span
            key={replica}
            title={`broker ${replica}: ${inSync ? "in sync" : "not in sync"}${replica === partition.leader ? ", leader" : ""}`}
            className={`rounded border px-1.5 ${inSync ? "border-line" : "border-dashed border-warn text-warn"} ${replica === partition.leader ? "bg-accent-soft text-accent-strong" : ""}`}
          >
            {replica}
          </span>
        );
      })}
    </span>
  );
}

const COLUMNS = column.columns([
  column.accessor("partition", { header: "Partition", cell: ({ getValue }) => <span className="num font-medium">{getValue()}</span> }),
  column.accessor("leader", {
    header: "Leader",
    cell: ({ getValue }) =>
      getValue() < 0 ? <span className="font-medium text-bad">none</span> : <span className="num">broker {getValue()}</span>,
  }),
  column.accessor((partition) => partition.isr.length, {
    id: "replicas",
    header: "Replicas",
    cell: ({ row }) => <Replicas partition={row.original} />,
  }),
  column.accessor((partition) => partition.replicas.length - partition.isr.length, {
    id: "sync",
    header: "In sync",
    meta: { numeric: true },
    cell: ({ row: { original: partition } }) => (
      <span className="num">
        {partition.isr.length} / {partition.replicas.length}
      </span>
    ),
  }),
  column.accessor("leader_epoch", {
    header: "Leader epoch",
    meta: { numeric: true, hideBelow: "sm" },
    cell: ({ getValue }) => <span className="num">{getValue()}</span>,
  }),
]);

export function TopicDetail() {
  const { cluster, topic: name } = route.useParams();
  useTitle(name, cluster);
  const query = useQuery(topicQuery(cluster, name));
  const missing = query.error instanceof ApiProblem && query.error.status === 404;
  return (
    <>
      <nav aria-label="Breadcrumb" className="mb-2 text-xs text-ink-3">
        <Link to="/clusters/$cluster/topics" params={{ cluster }} className="hover:text-ink hover:underline">
          Topics
        </Link>
        <span aria-hidden="true"> / </span>
        <span className="break-all text-ink-2">{name}</span>
      </nav>
      {missing ? (
        <Empty title={`There is no topic named ${name}`}>It may have been deleted.</Empty>
      ) : (
        <QueryView query={query} what={`topic ${name}`} apart>
          {(topic) => <Detail cluster={cluster} topic={topic} />}
        </QueryView>
      )}
    </>
  );
}

function Detail({ cluster, topic }: { cluster: string; topic: Topic }) {
  return (
    <div className="space-y-5">
      <div className="grid gap-5 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <Panel title={<span className="break-all">{topic.name}</span>} actions={!topic.internal && <DeleteTopic cluster={cluster} topic={topic} />}>
          <Facts>
            <Fact name="Partitions">
              <span className="num">{topic.partitions}</span>
            </Fact>
            <Fact name="Replicas">
              <span className="num">{topic.replication_factor}</span>
            </Fact>
            <Fact name="Kind">{topic.internal ? "internal, kept by the brokers" : "ordinary"}</Fact>
            <Fact name="Health" wide>
              <TroubleList health={topic.health} none="all in sync" />
            </Fact>
            <Fact name="ID" wide>
              <span className="flex items-center gap-1">
                <code className="truncate text-xs text-ink-2">{topic.id}</code>
                <CopyButton text={topic.id} label="Copy topic ID" />
              </span>
            </Fact>
          </Facts>
        </Panel>
        <Panel title="Configuration" note="set for this topic">
          <Pairs pairs={topic.config} none="Nothing: the cluster’s defaults." />
        </Panel>
      </div>
      <Panel flush title="Partitions" note="the leader is tinted, a replica that is not in sync is dashed">
        <DataTable
          label="Partitions"
          columns={COLUMNS}
          rows={topic.partition_details}
          rowKey={(partition) => String(partition.partition)}
          empty={<Empty title="The brokers have not said where the partitions are" />}
        />
      </Panel>
    </div>
  );
}

function DeleteTopic({ cluster, topic }: { cluster: string; topic: Topic }) {
  const [open, setOpen] = useState(false);
  const navigate = useNavigate();
  const remove = useDeleteTopic(cluster, topic.name);
  return (
    <>
      <Button kind="danger" icon="trash" onClick={() => setOpen(true)}>
        Delete topic
      </Button>
      <ConfirmDialog
        open={open}
        onOpenChange={setOpen}
        title="Delete topic"
        phrase={topic.name}
        action="Delete topic"
        mutation={remove}
        onConfirm={() => remove.mutate(undefined, { onSuccess: () => navigate({ to: "/clusters/$cluster/topics", params: { cluster } }) })}
      >
        <p>
          All records in its {plural(topic.partitions, "partition")} are removed from every broker. Producers and consumers of it begin to fail
          at once. This cannot be undone.
        </p>
      </ConfirmDialog>
    </>
  );
}
