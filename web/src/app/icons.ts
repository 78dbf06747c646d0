// SPDX-License-Identifier: Apache-2.0
// Icons of the sidebar, by the names that page.json uses.
import {
  IconActivity, IconAlertTriangle, IconApi, IconBell, IconBook2, IconBooks, IconBox, IconBuilding, IconCategory, IconChecklist, IconClipboardList, IconCloud, IconCoin,
  IconDatabaseCog, IconGitBranch, IconHome, IconKey, IconLock, IconPlus, IconRocket, IconRoute, IconSearch, IconSettings, IconShield, IconStack2, IconTimeline,
  IconUsers, IconUsersGroup, IconWebhook, IconHeartbeat, IconRss, IconSchema,
} from "@tabler/icons-react";

export const icons = {
  activity: IconActivity, alert: IconAlertTriangle, api: IconApi, bell: IconBell, docs: IconBook2, catalog: IconBooks, box: IconBox, organization: IconBuilding,
  kinds: IconCategory, checks: IconChecklist, audit: IconClipboardList, cloud: IconCloud, cost: IconCoin, sources: IconDatabaseCog, git: IconGitBranch, home: IconHome,
  key: IconKey, lock: IconLock, plus: IconPlus, ship: IconRocket, route: IconRoute, search: IconSearch, settings: IconSettings, shield: IconShield, jobs: IconStack2,
  timeline: IconTimeline, people: IconUsers, teams: IconUsersGroup, webhook: IconWebhook, health: IconHeartbeat, events: IconRss, schema: IconSchema,
};
export type IconName = keyof typeof icons;
