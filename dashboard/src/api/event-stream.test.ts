import { expect, it } from "vitest";
import { EventStreamParser } from "./event-stream";

const WHOLE = 'event: operation\nid: 7\ndata: {"state":"running"}\n\n: keep-alive\n\ndata: a\ndata: b\n\n';

it("reads named events, ids, comments and several data lines", () => {
  expect(new EventStreamParser().push(WHOLE)).toEqual([
    { event: "operation", id: "7", data: '{"state":"running"}' },
    { event: "message", id: "7", data: "a\nb" },
  ]);
});

it("gives the same events wherever the chunks are cut, with every line ending", () => {
  for (const ending of ["\n", "\r\n", "\r"]) {
    // A lone CR is only known to end a line once something follows it.
    const text = `${WHOLE.replaceAll("\n", ending)}:`;
    const expected = new EventStreamParser().push(text);
    expect(expected).toHaveLength(2);
    for (let cut = 0; cut <= text.length; cut += 1) {
      const parser = new EventStreamParser();
      expect([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))]).toEqual(expected);
    }
  }
});

it("keeps an unfinished event back", () => {
  const parser = new EventStreamParser();
  expect(parser.push("data: half")).toEqual([]);
  expect(parser.push("\n\n")).toEqual([{ event: "message", id: null, data: "half" }]);
});

it("refuses an endless event instead of holding it", () => {
  const parser = new EventStreamParser();
  expect(() => {
    for (let line = 0; line < 2_000; line += 1) parser.push(`data: ${"x".repeat(1_000)}\n`);
  }).toThrow(/longer than/);
});
