/**
 * A parser for `text/event-stream` (WHATWG HTML §9.2.6). The browser's EventSource cannot send an
 * Authorization header, so the stream is read with fetch and parsed here. Pure: text in, events out.
 */
export interface ServerEvent {
  event: string;
  data: string;
  id: string | null;
}

/** More than this without a blank line is not one of our events; parsing stops rather than grow. */
const EVENT_CHARS_MAX = 1_000_000;

export class EventStreamParser {
  #rest = "";
  #event = "";
  #data: string[] = [];
  #dataChars = 0;
  #id: string | null = null;

  /** Feeds one decoded chunk, cut anywhere, and returns the events it completed. */
  push(chunk: string): ServerEvent[] {
    this.#rest += chunk;
    const events: ServerEvent[] = [];
    for (let line = this.#takeLine(); line !== null; line = this.#takeLine()) {
      const event = this.#accept(line);
      if (event) events.push(event);
    }
    if (this.#rest.length + this.#dataChars > EVENT_CHARS_MAX) {
      throw new Error(`an event of the stream is longer than ${EVENT_CHARS_MAX} characters`);
    }
    return events;
  }

  #takeLine(): string | null {
    const end = this.#rest.search(/[\r\n]/);
    if (end < 0) return null;
    const isCr = this.#rest[end] === "\r";
    // A CR at the very end may be the first half of a CRLF that was cut: wait for the next chunk.
    if (isCr && end === this.#rest.length - 1) return null;
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(isCr && this.#rest[end + 1] === "\n" ? end + 2 : end + 1);
    return line;
  }

  #accept(line: string): ServerEvent | null {
    if (line === "") return this.#dispatch();
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "data") {
      this.#data.push(value);
      this.#dataChars += value.length;
    }
    return null;
  }

  #dispatch(): ServerEvent | null {
    const event =
      this.#data.length > 0
        ? { event: this.#event || "message", data: this.#data.join("\n"), id: this.#id }
        : null;
    this.#event = "";
    this.#data = [];
    this.#dataChars = 0;
    return event;
  }
}
