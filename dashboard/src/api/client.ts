/** The one door to the REST API: adds the key and a deadline, and turns every failure into an ApiProblem. */
import createClient from "openapi-fetch";
import type { paths } from "./generated/schema";
import { problemFrom, problemFromThrown } from "./problem";
import { currentKey, expire } from "./session";

const REQUEST_MS_MAX = 20_000;

export function authorization(key: string | null = currentKey()): Record<string, string> {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

export const api = createClient<paths>({
  baseUrl: "",
  fetch: (request) =>
    fetch(new Request(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(REQUEST_MS_MAX)]) })),
});

api.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(authorization())) {
      if (!request.headers.has(name)) request.headers.set(name, value);
    }
    return request;
  },
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a successful answer; throws an ApiProblem otherwise. A refused key ends the session. */
export async function unwrap<T>(call: Promise<Answer<T>>, { onRefused = expire } = {}): Promise<T> {
  const answer = await call.catch((thrown: unknown) => {
    if (thrown instanceof DOMException && thrown.name === "AbortError") throw thrown;
    throw problemFromThrown(thrown);
  });
  if (answer.response.ok) return answer.data as T;
  if (answer.response.status === 401) onRefused();
  throw problemFrom(answer.response.status, answer.error);
}

/** An ETag is a generation in quotes: the change is refused if someone else changed the thing meanwhile. */
export function ifMatch(generation: number): string {
  return `"${generation}"`;
}
