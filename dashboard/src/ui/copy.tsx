import { useEffect, useState } from "react";
import { Icon } from "./icons";

const SAID_MS = 1_600;

/** The clipboard API needs TLS or localhost; the old way still works elsewhere. */
async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [outcome, setOutcome] = useState<"idle" | "copied" | "failed">("idle");
  useEffect(() => {
    if (outcome === "idle") return;
    const timer = setTimeout(() => setOutcome("idle"), SAID_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      onClick={async () => setOutcome((await writeClipboard(text)) ? "copied" : "failed")}
      className="inline-flex h-7 shrink-0 items-center gap-1.5 rounded-md px-2 text-xs font-medium text-ink-3 transition-colors hover:bg-raised hover:text-ink"
    >
      <Icon name={outcome === "copied" ? "check" : "copy"} className={`size-3.5 ${outcome === "copied" ? "text-ok" : ""}`} />
      <span aria-live="polite">{outcome === "copied" ? "Copied" : outcome === "failed" ? "Select and copy by hand" : "Copy"}</span>
    </button>
  );
}

/** One line of machine text with its copy button. */
export function CopyLine({ text, label }: { text: string; label: string }) {
  return (
    <div className="flex min-w-0 items-center gap-1 rounded-md border border-line bg-raised pl-3 pr-0.5">
      <code className="min-w-0 flex-1 overflow-x-auto whitespace-nowrap py-1.5 text-xs">{text}</code>
      <CopyButton text={text} label={label} />
    </div>
  );
}
