/** The frame around every screen behind the door: where one can go, who one is, how it looks. */
import * as Menu from "@radix-ui/react-dropdown-menu";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useRouter } from "@tanstack/react-router";
import { useState } from "react";
import { signOut } from "../api/session";
import { whoamiQuery } from "../api/whoami";
import { applyTheme, storedTheme, THEMES, type Theme } from "../lib/theme";
import { Icon, type IconName } from "../ui/icons";
import { Mark } from "../ui/mark";

const PLACES: readonly { to: string; label: string; icon: IconName }[] = [
  { to: "/clusters", label: "Clusters", icon: "clusters" },
  { to: "/operations", label: "Operations", icon: "operations" },
  { to: "/events", label: "Events", icon: "events" },
  { to: "/settings/api-keys", label: "API keys", icon: "key" },
];

export function Shell() {
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[12.5rem_minmax(0,1fr)]">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:fixed focus:left-3 focus:top-3 focus:z-50 focus:rounded-md focus:bg-accent focus:px-3 focus:py-1.5 focus:text-on-accent"
      >
        Skip to content
      </a>
      <div className="sticky top-0 z-30 flex items-center gap-1 border-b border-line bg-panel px-3 max-md:h-12 md:h-dvh md:flex-col md:items-stretch md:border-b-0 md:border-r md:px-3 md:py-4">
        <Link to="/clusters" aria-label="Headrace, home" className="flex items-center gap-2 rounded-md px-1 md:mb-5 md:px-2">
          <Mark className="size-5.5" />
          <span className="text-[0.9375rem] font-semibold tracking-tight max-md:sr-only">Headrace</span>
        </Link>
        <nav aria-label="Main" className="flex min-w-0 gap-0.5 max-md:flex-1 max-md:overflow-x-auto max-md:px-1 md:flex-col">
          {PLACES.map(({ to, label, icon }) => (
            <Link
              key={to}
              to={to}
              className="flex h-8 items-center gap-2.5 whitespace-nowrap rounded-md px-2 text-ink-2 transition-colors hover:bg-raised hover:text-ink
                data-[status=active]:bg-accent-soft data-[status=active]:font-medium data-[status=active]:text-accent-strong"
            >
              <Icon name={icon} className="size-4 max-md:hidden" />
              {label}
            </Link>
          ))}
        </nav>
        <div className="md:mt-auto">
          <AccountMenu />
        </div>
      </div>
      <main id="content" tabIndex={-1} className="mx-auto w-full min-w-0 max-w-[76rem] px-4 py-5 outline-none md:px-8 md:py-7">
        <Outlet />
      </main>
    </div>
  );
}

const THEME_ICONS: Record<Theme, IconName> = { system: "system", light: "sun", dark: "moon" };
const ITEM = "flex h-8 items-center gap-2.5 rounded-md px-2 outline-none data-[highlighted]:bg-raised";

function AccountMenu() {
  const queries = useQueryClient();
  const router = useRouter();
  const who = useQuery(whoamiQuery());
  const [theme, setTheme] = useState(storedTheme);

  const leave = () => {
    signOut();
    queries.clear();
    void router.navigate({ to: "/sign-in" });
  };

  return (
    // Not modal: a modal menu injects a <style> element, which the content security policy forbids.
    <Menu.Root modal={false}>
      <Menu.Trigger
        aria-label="Account and appearance"
        className="flex items-center gap-2.5 rounded-md text-left hover:bg-raised max-md:p-1 md:w-full md:px-2 md:py-1.5"
      >
        <span className="flex size-7 shrink-0 items-center justify-center rounded-full bg-accent-soft text-accent-strong">
          <Icon name="key" className="size-3.5" />
        </span>
        <span className="min-w-0 max-md:sr-only">
          <span className="block truncate font-medium leading-4">{who.data?.name ?? "…"}</span>
          <span className="block truncate text-xs leading-4 text-ink-3">{who.data?.role ?? ""}</span>
        </span>
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Content
          align="start"
          sideOffset={6}
          collisionPadding={8}
          className="z-50 w-52 animate-appear rounded-lg border border-line bg-panel p-1 shadow-lg"
        >
          {who.data && (
            <p className="px-2 py-1.5 text-xs text-ink-3">
              <span className="block font-medium text-ink">{who.data.name}</span>
              {who.data.role} · {who.data.project ?? "all projects"}
            </p>
          )}
          <Menu.Separator className="my-1 h-px bg-line" />
          <Menu.Label className="caption px-2 py-1">Appearance</Menu.Label>
          <Menu.RadioGroup
            value={theme}
            onValueChange={(value) => {
              setTheme(value as Theme);
              applyTheme(value as Theme);
            }}
          >
            {THEMES.map((value) => (
              <Menu.RadioItem key={value} value={value} onSelect={(event) => event.preventDefault()} className={`${ITEM} capitalize`}>
                <Icon name={THEME_ICONS[value]} />
                {value}
                <Menu.ItemIndicator className="ml-auto">
                  <Icon name="check" className="size-3.5 text-accent" />
                </Menu.ItemIndicator>
              </Menu.RadioItem>
            ))}
          </Menu.RadioGroup>
          <Menu.Separator className="my-1 h-px bg-line" />
          <Menu.Item asChild>
            <a href="/docs" className={ITEM}>
              <Icon name="docs" />
              API reference
            </a>
          </Menu.Item>
          <Menu.Item onSelect={leave} className={`${ITEM} cursor-pointer`}>
            <Icon name="exit" />
            Sign out
          </Menu.Item>
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  );
}
