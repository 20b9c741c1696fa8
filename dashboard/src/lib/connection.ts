/** What clients can be given, and which ways to a cluster have no address yet. Pure. */
import type { ClientProperties, Connection, Listener } from "../api/types";

export type Client = keyof ClientProperties;

export const CLIENTS: readonly { value: Client; label: string }[] = [
  { value: "java", label: "Java" },
  { value: "librdkafka", label: "librdkafka" },
  { value: "franz_go", label: "franz-go" },
  { value: "spring", label: "Spring" },
  { value: "kcat", label: "kcat" },
];

/** The listeners that were asked for and that the service leaves out, because their addresses are not known yet. */
export function withoutAddress(asked: readonly Listener[], connection: Connection): Listener[] {
  return asked.filter(({ name }) => !connection.listeners.some((known) => known.name === name));
}
