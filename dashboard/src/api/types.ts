/** Short names for the generated schemas. */
import type { components } from "./generated/schema";

type Schemas = components["schemas"];

export type Cluster = Schemas["Cluster"];
export type CreateCluster = Schemas["CreateCluster"];
export type UpdateCluster = Schemas["UpdateCluster"];
export type Operation = Schemas["Operation"];
export type OperationStep = Schemas["OperationStep"];
export type Broker = Schemas["Broker"];
export type Condition = Schemas["Condition"];
export type Connection = Schemas["Connection"];
export type ConnectionListener = Schemas["ConnectionListener"];
export type ClientProperties = Schemas["ClientProperties"];
export type Engine = Schemas["Engine"];
export type EngineVersion = Schemas["EngineVersion"];
export type KubernetesSpec = Schemas["KubernetesSpec"];
export type Listener = Schemas["Listener"];
export type PartitionHealth = Schemas["PartitionHealth"];
export type Topic = Schemas["Topic"];
export type CreateTopic = Schemas["CreateTopic"];
export type ServiceEvent = Schemas["Event"];
export type ApiKey = Schemas["ApiKey"];
export type CreateApiKey = Schemas["CreateApiKey"];
export type CreatedApiKey = Schemas["CreatedApiKey"];
export type MetricSeries = Schemas["MetricSeries"];
export type WhoAmI = Schemas["WhoAmI"];

export interface Page<T> {
  items: T[];
  next_page_token?: string | null;
}
