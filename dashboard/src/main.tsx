import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { onExpiry } from "./api/session";
import { applyTheme, storedTheme } from "./lib/theme";
import { queryClient } from "./query-client";
import { router } from "./router";
import "./styles.css";

applyTheme(storedTheme());

// A key that the service no longer takes: back to the door, and from there back to this page.
onExpiry(() => {
  queryClient.clear();
  const { pathname, href } = router.state.location;
  if (pathname === "/sign-in") return;
  void router.navigate({ to: "/sign-in", search: { return: href, expired: true }, replace: true });
});

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
