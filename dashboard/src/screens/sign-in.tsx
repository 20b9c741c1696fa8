import { useMutation } from "@tanstack/react-query";
import { getRouteApi, useRouter } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { ApiProblem } from "../api/problem";
import { signIn } from "../api/session";
import { probeKey } from "../api/whoami";
import { safeReturnUrl } from "../lib/return-url";
import { useTitle } from "../lib/title";
import { Button } from "../ui/button";
import { TextField } from "../ui/field";
import { Mark } from "../ui/mark";
import { ProblemNotice } from "../ui/notice";

const route = getRouteApi("/sign-in");

/** Says what is wrong with a key before the service is asked: a header cannot carry everything. */
function keyFault(key: string): string | undefined {
  if (key === "") return "Enter an API key.";
  return /^[\x21-\x7e]+$/.test(key) ? undefined : "A key has no spaces and only plain characters. Was it copied whole?";
}

export function SignIn() {
  useTitle("Sign in");
  const search = route.useSearch();
  const router = useRouter();
  const [key, setKey] = useState("");
  const [remember, setRemember] = useState(false);
  const [fault, setFault] = useState<string>();

  const probe = useMutation({
    mutationFn: probeKey,
    onSuccess: (_, accepted) => {
      signIn(accepted, remember);
      router.history.push(safeReturnUrl(search.return));
    },
  });
  const refused = probe.error instanceof ApiProblem && probe.error.status === 401;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const trimmed = key.trim();
    const found = keyFault(trimmed);
    setFault(found);
    if (!found) probe.mutate(trimmed);
  };

  return (
    <main id="content" className="flex min-h-dvh flex-col items-center justify-center px-4 py-10">
      <div className="w-full max-w-[23rem]">
        <div className="mb-6 flex items-center gap-3">
          <Mark className="size-9" />
          <div>
            <h1 className="text-xl font-semibold leading-6 tracking-tight">Headrace</h1>
            <p className="text-ink-3">Managed Kafka, run by you</p>
          </div>
        </div>
        <form onSubmit={submit} noValidate className="space-y-4 rounded-lg border border-line bg-panel p-5">
          {search.expired && !probe.isError && (
            <p role="status" className="rounded-md border border-warn/30 bg-warn-soft px-3 py-2">
              Your key is no longer accepted. Sign in again to return to where you were.
            </p>
          )}
          <TextField
            label="API key"
            type="password"
            mono
            // The one thing to do on this page.
            // eslint-disable-next-line jsx-a11y/no-autofocus
            autoFocus
            autoComplete="current-password"
            autoCapitalize="none"
            value={key}
            onChange={(event) => {
              setKey(event.target.value);
              setFault(undefined);
              probe.reset();
            }}
            error={fault ?? (refused ? "This key was not accepted. It may be mistyped, or it was revoked." : undefined)}
            hint={
              <>
                The first one was printed when the service started; it is also in the file <code>admin-key</code> in the service’s data
                directory.
              </>
            }
          />
          <label className="flex items-center gap-2">
            <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.target.checked)} className="size-4 accent-accent" />
            Remember on this device
          </label>
          {probe.isError && !refused && <ProblemNotice error={probe.error} doing="Signing in" />}
          <Button kind="primary" type="submit" busy={probe.isPending} className="w-full">
            Sign in
          </Button>
        </form>
        <p className="mt-4 px-1 text-xs text-ink-3">
          Unless it is remembered, the key is forgotten when this tab closes. The{" "}
          <a href="/docs" className="underline underline-offset-2 hover:text-ink">
            API reference
          </a>{" "}
          needs none.
        </p>
      </div>
    </main>
  );
}
