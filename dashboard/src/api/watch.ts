/** Follows one of the API's event streams and comes back to it, with growing pauses, when it breaks. */
import { authorization } from "./client";
import { EventStreamParser } from "./event-stream";
import { expire } from "./session";

const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 15_000;
/** The server sends a comment at least this often; a stream that is quieter than this is dead. */
const SILENCE_MS_MAX = 45_000;

interface WatchOptions<T> {
  /** The event's name; others are ignored. */
  event: string;
  signal: AbortSignal;
  onConnection: (connected: boolean) => void;
  onData: (data: T) => "stop" | "go on";
}

/** Half of the pause is random, so that many pages do not come back at the same moment. */
export function pauseMs(attempt: number, random: number): number {
  const ceiling = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** attempt);
  return ceiling / 2 + (random * ceiling) / 2;
}

export async function watch<T>(path: string, options: WatchOptions<T>): Promise<void> {
  for (let attempt = 0; !options.signal.aborted; attempt += 1) {
    const outcome = await follow(path, options, () => (attempt = 0)).catch(() => "broken" as const);
    if (options.signal.aborted) return;
    options.onConnection(false);
    if (outcome === "done") return;
    await sleep(pauseMs(attempt, Math.random()), options.signal);
  }
}

async function follow<T>(path: string, options: WatchOptions<T>, onOpen: () => void): Promise<"done" | "broken"> {
  const silence = new AbortController();
  const signal = AbortSignal.any([options.signal, silence.signal]);
  let timer = setTimeout(() => silence.abort(), SILENCE_MS_MAX);
  try {
    const response = await fetch(path, { headers: { ...authorization(), Accept: "text/event-stream" }, signal });
    if (response.status === 401) expire();
    // Another refusal will not change by asking again; the page's polling shows the problem itself.
    if (response.status >= 400 && response.status < 500) return "done";
    if (!response.ok || !response.body) return "broken";
    onOpen();
    options.onConnection(true);
    const parser = new EventStreamParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "broken";
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS_MAX);
      for (const event of parser.push(value)) {
        if (event.event === options.event && options.onData(JSON.parse(event.data) as T) === "stop") return "done";
      }
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
