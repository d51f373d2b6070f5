{{- define "postern.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "postern.labels" -}}
{{ include "postern.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* Without quotes YAML takes off for false. */}}
{{- define "postern.tls" -}}
{{- if eq (toString .Values.tls.mode) "false" }}off{{ else }}{{ .Values.tls.mode }}{{ end }}
{{- end }}

{{- define "postern.scheme" -}}
{{- if eq (include "postern.tls" .) "off" }}HTTP{{ else }}HTTPS{{ end }}
{{- end }}
