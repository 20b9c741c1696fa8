/**
 * Where to go after signing in. Only a path on this origin is followed: the value comes from the
 * address bar, so anyone could have written it.
 */
export function safeReturnUrl(candidate: unknown): string {
  const home = "/clusters";
  if (typeof candidate !== "string" || !candidate.startsWith("/")) return home;
  const base = "http://origin.invalid";
  try {
    const url = new URL(candidate, base);
    if (url.origin !== base || url.pathname === "/sign-in") return home;
    return url.pathname + url.search + url.hash;
  } catch {
    return home;
  }
}
