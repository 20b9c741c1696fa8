import { createLink, type LinkComponent } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, ButtonHTMLAttributes, Ref } from "react";
import { Icon, type IconName } from "./icons";

type Look = "primary" | "secondary" | "quiet" | "danger";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong border-transparent",
  secondary: "bg-panel text-ink border-line-strong hover:bg-raised",
  quiet: "text-ink-2 border-transparent hover:bg-raised hover:text-ink",
  danger: "bg-panel text-bad border-line-strong hover:border-bad hover:bg-bad-soft",
};

function look(kind: Look): string {
  return `inline-flex h-8 items-center justify-center gap-1.5 whitespace-nowrap rounded-md border px-3 font-medium
    transition-colors disabled:opacity-50 aria-disabled:opacity-60 ${LOOKS[kind]}`;
}

interface Common {
  kind?: Look;
  icon?: IconName;
}

interface ButtonProps extends Common, ButtonHTMLAttributes<HTMLButtonElement> {
  /** Shown while the click's request is under way; the button then does nothing more. */
  busy?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ kind = "secondary", icon, busy = false, type = "button", className = "", children, onClick, ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      aria-busy={busy}
      aria-disabled={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      className={`${look(kind)} ${className}`}
      {...rest}
    >
      {busy ? <Spinner /> : icon && <Icon name={icon} className="size-3.5" />}
      {children}
    </button>
  );
}

function Anchor({ kind = "secondary", icon, className = "", children, ...rest }: Common & AnchorHTMLAttributes<HTMLAnchorElement> & { ref?: Ref<HTMLAnchorElement> }) {
  return (
    <a className={`${look(kind)} ${className}`} {...rest}>
      {icon && <Icon name={icon} className="size-3.5" />}
      {children}
    </a>
  );
}

const RoutedAnchor = createLink(Anchor);

/** A link that looks like a button: it goes somewhere, so it can be opened in a new tab. */
export const ButtonLink: LinkComponent<typeof Anchor> = (props) => <RoutedAnchor {...props} />;

export function IconButton({ icon, label, className = "", ...rest }: { icon: IconName; label: string } & ButtonHTMLAttributes<HTMLButtonElement> & { ref?: Ref<HTMLButtonElement> }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`inline-flex size-7 items-center justify-center rounded-md text-ink-3 transition-colors hover:bg-raised hover:text-ink disabled:opacity-40 ${className}`}
      {...rest}
    >
      <Icon name={icon} />
    </button>
  );
}

export function Spinner({ className = "size-3.5" }: { className?: string }) {
  return (
    <svg viewBox="0 0 16 16" className={`animate-spin ${className}`} fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden="true">
      <path d="M8 2a6 6 0 1 1-6 6" />
    </svg>
  );
}
