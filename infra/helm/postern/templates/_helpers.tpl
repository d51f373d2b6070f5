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

{{- /* What has to be there when the pod is another one: certificates that it orders, messages that wait. */}}
{{- define "postern.keeps" -}}
{{- if or (eq (include "postern.tls" .) "acme") .Values.persistence.enabled }}yes{{ end }}
{{- end }}

{{- define "postern.scheme" -}}
{{- if eq (include "postern.tls" .) "off" }}HTTP{{ else }}HTTPS{{ end }}
{{- end }}

{{- define "postern.listen" -}}
{{- range $port, $listener := .Values.listen }}{{ $listener }},{{ end }}
{{- end }}
