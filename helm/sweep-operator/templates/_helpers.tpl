{{/* The release's name, with the chart's where the release isn't named for it. */}}
{{- define "sweep-operator.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sweep-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sweep-operator.labels" -}}
{{ include "sweep-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "sweep-operator.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Who gets a right: the operator. */}}
{{- define "sweep-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "sweep-operator.fullname" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* Gives the operator the rights that `rules` lists: by a ClusterRole, or, where `namespaces` are
named, by a Role of the same rules in each. `about` says what for. */}}
{{- define "sweep-operator.grant" -}}
{{- $context := .context -}}
{{- $name := .name -}}
{{- $rules := .rules -}}
{{- $about := .about -}}
{{- range .namespaces | default (list "") }}
---
{{ $about | trim }}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ if . }}Role{{ else }}ClusterRole{{ end }}
metadata:
  name: {{ $name }}
  {{- with . }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "sweep-operator.labels" $context | nindent 4 }}
rules:
  {{- $rules | trim | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ if . }}RoleBinding{{ else }}ClusterRoleBinding{{ end }}
metadata:
  name: {{ $name }}
  {{- with . }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "sweep-operator.labels" $context | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ if . }}Role{{ else }}ClusterRole{{ end }}
  name: {{ $name }}
subjects:
  {{- include "sweep-operator.subjects" $context | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Where an admission policy holds: in watched namespaces, but for those that are labelled so. */}}
{{- define "sweep-operator.policyNamespaces" -}}
matchExpressions:
  - key: sweep-operator.io/validation
    operator: NotIn
    values: ["off"]
  {{- with .Values.watchNamespaces }}
  - key: kubernetes.io/metadata.name
    operator: In
    values: {{ toJson . }}
  {{- end }}
{{- end -}}
