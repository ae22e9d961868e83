{{- define "capykeys.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* What selectors hold: they can never be changed. */}}
{{- define "capykeys.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "capykeys.labels" -}}
{{ include "capykeys.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "capykeys.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "capykeys.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "capykeys.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "capykeys.settings" -}}
capykeys.toml: |
  {{- .Values.settings | default (.Files.Get (printf "files/%s.toml" .Values.store)) | nindent 2 }}
{{- if eq .Values.store "postgres" }}
rules.toml: |
  {{- .Values.rules | default (.Files.Get "files/rules.toml") | nindent 2 }}
{{- end }}
{{- end }}

{{/* Each content has a name of its own. */}}
{{- define "capykeys.settingsName" -}}
{{ include "capykeys.fullname" . }}-{{ include "capykeys.settings" . | sha256sum | trunc 10 }}
{{- end }}

{{/* What Jobs that need nothing but the database may go to. */}}
{{- define "capykeys.toDatabase" -}}
{{ include "capykeys.dns" . }}
- ports:
    {{- range .Values.networkPolicy.databasePorts }}
    - {port: {{ . }}}
    {{- end }}
{{- end }}

{{- define "capykeys.dns" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}
