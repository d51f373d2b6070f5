/** Where an installation is: in a host, or below the folder that stands for one. */
export const paths = {
  program: "/opt/postern",
  unit: "/etc/systemd/system/postern.service",
  wanted: "/etc/systemd/system/multi-user.target.wants/postern.service",
  sysusers: "/etc/sysusers.d/postern.conf",
  configuration: "/etc/postern",
  options: "/etc/postern/postern.env",
  state: "/var/lib/postern",
} as const;

/** The name of the service, and of its user. */
export const SERVICE = "postern";
