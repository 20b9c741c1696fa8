import { useRouter, type ErrorComponentProps } from "@tanstack/react-router";
import { useTitle } from "../lib/title";
import { Button, ButtonLink } from "../ui/button";
import { Empty } from "../ui/notice";

export function NotFound() {
  useTitle("Not found");
  return (
    <main id="content" className="mx-auto max-w-xl py-16">
      <Empty title="There is nothing at this address" action={<ButtonLink to="/clusters">Go to the clusters</ButtonLink>}>
        The link may be old, or what it named was deleted.
      </Empty>
    </main>
  );
}

/** A fault of the console itself, or a part of it that could not be loaded after an upgrade. */
export function ScreenError({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  return (
    <div role="alert" className="mx-auto max-w-xl py-16">
      <Empty
        title="This screen could not be shown"
        action={
          <div className="flex gap-2">
            <Button
              onClick={() => {
                reset();
                void router.invalidate();
              }}
            >
              Try again
            </Button>
            <Button onClick={() => location.reload()}>Reload the page</Button>
          </div>
        }
      >
        {error instanceof Error ? error.message : ""} If the service was upgraded just now, reloading fetches the new console.
      </Empty>
    </div>
  );
}
