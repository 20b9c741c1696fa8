{{/* Names. 40 characters leave room for the longest suffix: a StatefulSet's revision, which is a label. */}}
{{- define "headrace.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains "headrace" .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-headrace" (.Release.Name | trunc 31 | trimSuffix "-") }}
{{- end -}}
{{- end }}

{{- define "headrace.postgresqlName" -}}
{{ include "headrace.fullname" . }}-postgresql
{{- end }}

{{- define "headrace.serviceAccountName" -}}
{{- $made := .Values.serviceAccount.create | ternary (include "headrace.fullname" .) "default" -}}
{{ .Values.serviceAccount.name | default $made }}
{{- end }}

{{/* Rights may lie in a namespace, or outside of all, where another release of the same name has some, too. */}}
{{- define "headrace.roleName" -}}
headrace:{{ .Release.Namespace }}:{{ include "headrace.fullname" . }}
{{- end }}

{{- define "headrace.clustersNamespace" -}}
{{ .Values.clusters.namespace | default .Release.Namespace }}
{{- end }}

{{/* Labels take a list: the root and the component. What selects must never change, so it is few. */}}
{{- define "headrace.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: headrace
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "headrace.labels" -}}
{{- $root := index . 0 -}}
{{ include "headrace.selectorLabels" . }}
app.kubernetes.io/part-of: headrace
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "headrace.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Where agents, `helm test` and everybody else inside the Kubernetes cluster reach the API. */}}
{{- define "headrace.url" -}}
http://{{ include "headrace.fullname" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}:8080
{{- end }}

{{/* The Secret and key of the database's URL; fails unless exactly one way to a database is chosen. */}}
{{- define "headrace.databaseRef" -}}
{{- $ways := list -}}
{{- if .Values.database.existingSecret }}{{ $ways = append $ways "database.existingSecret" }}{{ end -}}
{{- if .Values.database.url }}{{ $ways = append $ways "database.url" }}{{ end -}}
{{- if .Values.postgresql.enabled }}{{ $ways = append $ways "postgresql.enabled" }}{{ end -}}
{{- $choose := "Set database.existingSecret (or database.url) to use your own PostgreSQL, or postgresql.enabled=true for one that the chart brings, to try Headrace out." -}}
{{- if not $ways -}}
{{- fail (printf "No database. %s" $choose) -}}
{{- else if gt (len $ways) 1 -}}
{{- fail (printf "More than one database: %s. %s" (join ", " $ways) $choose) -}}
{{- else if .Values.database.existingSecret -}}
name: {{ .Values.database.existingSecret }}
key: {{ .Values.database.key }}
{{- else if .Values.database.url -}}
name: {{ include "headrace.fullname" . }}-database
key: database-url
{{- else -}}
name: {{ include "headrace.postgresqlName" . }}
key: database-url
{{- end -}}
{{- end }}

{{- define "headrace.adminKeyRef" -}}
{{- if and .Values.adminKey.existingSecret .Values.adminKey.value -}}
{{- fail "Two admin keys: set adminKey.existingSecret or adminKey.value, not both." -}}
{{- end -}}
{{- if .Values.adminKey.existingSecret -}}
name: {{ .Values.adminKey.existingSecret }}
key: {{ .Values.adminKey.key }}
{{- else -}}
name: {{ include "headrace.fullname" . }}-admin
key: admin-key
{{- end -}}
{{- end }}

{{/* What every pod of the chart has in common. Service links would set HEADRACE_PORT and more, by the Service's name. */}}
{{- define "headrace.podSpec" -}}
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* Takes the user's id. */}}
{{- define "headrace.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "headrace.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Takes a list: the root and the value that asked for the Prometheus Operator. */}}
{{- define "headrace.needsPrometheusOperator" -}}
{{- if not ((index . 0).Capabilities.APIVersions.Has "monitoring.coreos.com/v1") -}}
{{- fail (printf "%s=true needs the Prometheus Operator (monitoring.coreos.com/v1), which this Kubernetes cluster does not have." (index . 1)) -}}
{{- end -}}
{{- end }}
