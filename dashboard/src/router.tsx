/** The map of the console. Whatever a screen can be asked to show (tab, filter, page) is in its URL. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  type ErrorComponentProps,
} from "@tanstack/react-router";
import { currentKey } from "./api/session";
import { ApiKeys } from "./screens/api-keys";
import { ClusterFrame } from "./screens/cluster";
import { ClusterActivity } from "./screens/cluster-activity";
import { ClusterBrokers } from "./screens/cluster-brokers";
import { ClusterOverview } from "./screens/cluster-overview";
import { ClusterSettings } from "./screens/cluster-settings";
import { ClusterTopics } from "./screens/cluster-topics";
import { Clusters } from "./screens/clusters";
import { CreateCluster } from "./screens/create-cluster";
import { Events } from "./screens/events";
import { NotFound, ScreenError } from "./screens/not-found";
import { OperationDetail } from "./screens/operation";
import { Operations } from "./screens/operations";
import { Shell } from "./screens/shell";
import { SignIn } from "./screens/sign-in";
import { TopicDetail } from "./screens/topic";

function text(value: unknown): string | undefined {
  // The router reads `?q=42` as a number.
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Search parameters without the absent ones, so that they do not show up in the address. */
function present<T extends Record<string, unknown>>(search: T): { [K in keyof T]?: T[K] | undefined } {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: T[K] };
}

function positive(value: unknown): number | undefined {
  const number = Number(value);
  return Number.isInteger(number) && number > 0 ? number : undefined;
}

const pageSearch = (search: Record<string, unknown>) => present({ page_token: text(search.page_token) });

const root = createRootRoute({ notFoundComponent: NotFound });

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search) =>
    present({ return: text(search.return), expired: search.expired === true ? true : undefined }),
  component: SignIn,
});

const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  beforeLoad: ({ location }) => {
    if (currentKey() === null) {
      throw redirect({ to: "/sign-in", search: location.pathname === "/" ? {} : { return: location.href } });
    }
  },
  component: Shell,
});

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/clusters", replace: true });
  },
});

const clusters = createRoute({
  getParentRoute: () => shell,
  path: "/clusters",
  validateSearch: pageSearch,
  component: Clusters,
});

// Not /clusters/new: a cluster may be named "new".
const createCluster = createRoute({
  getParentRoute: () => shell,
  path: "/create-cluster",
  component: CreateCluster,
});

const cluster = createRoute({
  getParentRoute: () => shell,
  path: "/clusters/$cluster",
  validateSearch: (search) => present({ operation: text(search.operation) }),
  component: ClusterFrame,
});

const overview = createRoute({
  getParentRoute: () => cluster,
  path: "/",
  component: ClusterOverview,
});

const brokers = createRoute({
  getParentRoute: () => cluster,
  path: "/brokers",
  component: ClusterBrokers,
});

const throughput = createRoute({
  getParentRoute: () => cluster,
  path: "/throughput",
  validateSearch: (search) => present({ window: positive(search.window) }),
  // On its own, because the chart library comes with it.
  component: lazyRouteComponent(() => import("./screens/cluster-throughput"), "ClusterThroughput"),
});

const topics = createRoute({
  getParentRoute: () => cluster,
  path: "/topics",
  validateSearch: (search) =>
    present({
      q: text(search.q),
      page: positive(search.page),
      internal: search.internal === true ? true : undefined,
      create: search.create === true ? true : undefined,
    }),
  component: ClusterTopics,
});

const topic = createRoute({
  getParentRoute: () => cluster,
  path: "/topics/$topic",
  component: TopicDetail,
});

const activity = createRoute({
  getParentRoute: () => cluster,
  path: "/activity",
  component: ClusterActivity,
});

const clusterSettings = createRoute({
  getParentRoute: () => cluster,
  path: "/settings",
  component: ClusterSettings,
});

const operations = createRoute({
  getParentRoute: () => shell,
  path: "/operations",
  validateSearch: pageSearch,
  component: Operations,
});

const operation = createRoute({
  getParentRoute: () => shell,
  path: "/operations/$operation",
  component: OperationDetail,
});

const events = createRoute({
  getParentRoute: () => shell,
  path: "/events",
  validateSearch: (search) => present({ page_token: text(search.page_token), cluster: text(search.cluster) }),
  component: Events,
});

const apiKeys = createRoute({
  getParentRoute: () => shell,
  path: "/settings/api-keys",
  validateSearch: pageSearch,
  component: ApiKeys,
});

const routeTree = root.addChildren([
  signIn,
  shell.addChildren([
    home,
    clusters,
    createCluster,
    cluster.addChildren([overview, brokers, throughput, topics, topic, activity, clusterSettings]),
    operations,
    operation,
    events,
    apiKeys,
  ]),
]);

export const router = createRouter({
  routeTree,
  defaultPreload: "intent",
  scrollRestoration: true,
  defaultErrorComponent: (props: ErrorComponentProps) => <ScreenError {...props} />,
  defaultNotFoundComponent: NotFound,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
