/**
 * The API key of this tab. It lies in sessionStorage, so that it goes with the tab, or in
 * localStorage if the user asked to be remembered on this device. It is never put in a URL.
 */
const STORAGE_KEY = "headrace.api-key";

type Listener = () => void;
const expiryListeners = new Set<Listener>();

/** Storage throws where the browser forbids it; signing in then lasts until the page is reloaded. */
let fallback: string | null = null;

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

export function currentKey(): string | null {
  return (
    attempt(() => sessionStorage.getItem(STORAGE_KEY)) ?? attempt(() => localStorage.getItem(STORAGE_KEY)) ?? fallback
  );
}

export function signIn(key: string, remember: boolean): void {
  signOut();
  const stored = attempt(() => {
    (remember ? localStorage : sessionStorage).setItem(STORAGE_KEY, key);
    return true;
  });
  if (!stored) fallback = key;
}

export function signOut(): void {
  fallback = null;
  attempt(() => sessionStorage.removeItem(STORAGE_KEY));
  attempt(() => localStorage.removeItem(STORAGE_KEY));
}

/** Called when the service refused the key that this tab holds. */
export function expire(): void {
  signOut();
  for (const listener of expiryListeners) listener();
}

export function onExpiry(listener: Listener): () => void {
  expiryListeners.add(listener);
  return () => expiryListeners.delete(listener);
}
