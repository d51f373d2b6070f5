import { DoctorPage } from "./doctor-page.ts";

new DoctorPage().start();
