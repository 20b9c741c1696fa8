/**
 * A key per distinct submit: pressing the button again after an answer got lost repeats the same
 * request, and the service answers with what the first one made; changing the form makes a new one.
 */
import { useCallback, useRef } from "react";

/** crypto.randomUUID is missing where the page is not served over TLS or from localhost. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function useIdempotencyKey(): (body: unknown) => string {
  const last = useRef<{ body: string; key: string } | null>(null);
  return useCallback((body) => {
    const text = JSON.stringify(body);
    if (last.current?.body !== text) last.current = { body: text, key: randomKey() };
    return last.current.key;
  }, []);
}
